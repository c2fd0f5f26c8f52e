// Drives the Java client of InfluxDB 1.x and prints what it was told, a line each. What differs between two servers that answer
// alike (versions, durations) is not printed.
//
// Usage: Clients ADDRESS, of a server with authentication where nobody is a user yet.

import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import okhttp3.Interceptor;
import okhttp3.OkHttpClient;
import okhttp3.Response;
import org.influxdb.BatchOptions;
import org.influxdb.InfluxDB;
import org.influxdb.InfluxDB.ConsistencyLevel;
import org.influxdb.InfluxDB.ResponseFormat;
import org.influxdb.InfluxDBFactory;
import org.influxdb.annotation.Column;
import org.influxdb.annotation.Measurement;
import org.influxdb.annotation.TimeColumn;
import org.influxdb.dto.BatchPoints;
import org.influxdb.dto.BoundParameterQuery;
import org.influxdb.dto.Point;
import org.influxdb.dto.Pong;
import org.influxdb.dto.Query;
import org.influxdb.dto.QueryResult;
import org.influxdb.impl.InfluxDBMapper;
import org.influxdb.impl.InfluxDBResultMapper;
import org.influxdb.querybuilder.BuiltQuery;
import org.influxdb.querybuilder.clauses.SimpleClause;

public final class Clients {
  private static final long MOMENT = 1577836800L;

  /** Rows of `cpu`, as the client's mapper fills them. */
  @Measurement(name = "cpu", database = "d", timeUnit = TimeUnit.MILLISECONDS)
  public static class Cpu {
    @TimeColumn
    @Column(name = "time")
    public Instant time;

    @Column(name = "host", tag = true)
    public String host;

    @Column(name = "f")
    public Double f;

    @Column(name = "i")
    public Long i;

    @Column(name = "s")
    public String s;

    @Column(name = "b")
    public Boolean b;

    @Override
    public String toString() {
      return "Cpu[" + time + " " + host + " " + f + " " + i + " " + s + " " + b + "]";
    }
  }

  private interface Action {
    void run() throws Exception;
  }

  private static void told(String name, Object value) {
    System.out.println(name + " " + value);
  }

  private static void fails(String name, Action action) throws Exception {
    try {
      action.run();
    } catch (RuntimeException error) {
      System.out.println(name + " fails: " + error.getClass().getSimpleName() + ": " + String.valueOf(error.getMessage()).trim());
      return;
    }
    throw new IllegalStateException(name + ": there should have been an error");
  }

  public static void main(String[] arguments) throws Exception {
    String url = "http://" + arguments[0];
    beginning(url);
    for (ResponseFormat format : ResponseFormat.values()) {
      told("format", format);
      Set<String> passed = new ConcurrentSkipListSet<>();
      OkHttpClient.Builder http = new OkHttpClient.Builder().readTimeout(20, TimeUnit.SECONDS)
          .addNetworkInterceptor(chain -> passing(chain, passed));
      try (InfluxDB client = InfluxDBFactory.connect(url, "root", "a secret", http, format)) {
        // Logs go elsewhere; the client copies bodies for them.
        client.setLogLevel(InfluxDB.LogLevel.FULL);
        databases(client);
        client.setLogLevel(InfluxDB.LogLevel.NONE);
        writes(client);
        batches(client);
        queries(client, format);
        // In MessagePack integers come as the least type that holds them, which the mapper does not take.
        if (format == ResponseFormat.JSON) {
          mapped(client);
        } else {
          fails("mapped", () -> mapped(client));
        }
        client.deleteDatabase("d");
        told("gone", client.databaseExists("d"));
      }
      passed.forEach(line -> told("on the wire", line));
    }
    System.exit(0);
  }

  /** Lets a request pass, and keeps what form it and its answer have. */
  private static Response passing(Interceptor.Chain chain, Set<String> passed) throws java.io.IOException {
    Response response = chain.proceed(chain.request());
    String path = chain.request().url().encodedPath();
    passed.add(chain.request().method() + " " + path + " sent " + chain.request().header("Content-Encoding") + ", answered "
        + response.code() + " " + response.header("Content-Type") + " " + response.header("Content-Encoding"));
    return response;
  }

  private static void beginning(String url) throws Exception {
    try (InfluxDB nobody = InfluxDBFactory.connect(url)) {
      Pong pong = nobody.ping();
      told("ping", pong.isGood() + " " + pong.getVersion().equals(nobody.version()));
      fails("nobody asks", () -> nobody.query(new Query("SHOW DATABASES")));
      told("first user", nobody.query(new Query("CREATE USER root WITH PASSWORD 'a secret' WITH ALL PRIVILEGES")));
    }
    try (InfluxDB wrong = InfluxDBFactory.connect(url, "root", "no")) {
      fails("wrong password", () -> wrong.query(new Query("SHOW DATABASES")));
    }
  }

  @SuppressWarnings("deprecation")
  private static void databases(InfluxDB client) {
    client.createDatabase("d");
    told("exists", client.databaseExists("d"));
    told("databases", client.describeDatabases());
    client.createRetentionPolicy("week", "d", "10000w", "1d", 1, false);
    client.createRetentionPolicy("short", "d", "9000w", 1, false);
    told("policies", client.query(new Query("SHOW RETENTION POLICIES ON d")));
    client.dropRetentionPolicy("short", "d");
    told("policies", client.query(new Query("SHOW RETENTION POLICIES ON d")).getResults().get(0).getSeries().get(0).getValues().size());
    client.setDatabase("d");
  }

  private static Point point(String host, long seconds, double f) {
    return Point.measurement("cpu").time(MOMENT + seconds, TimeUnit.SECONDS).tag("host", host).addField("f", f).build();
  }

  private static void writes(InfluxDB client) throws Exception {
    told("gzip", client.isGzipEnabled());
    client.enableGzip();
    told("gzip", client.isGzipEnabled());
    client.write(Point.measurement("cpu").time(MOMENT, TimeUnit.SECONDS).tag("host", "a, b=c").addField("f", 1.5)
        .addField("i", 3L).addField("s", "q\"uote \\ ").addField("b", true).build());
    client.write("d", "week", point("b", 1, 2));
    client.write("cpu,host=line f=4,i=-9007199254740991i " + (MOMENT + 2) + "000000000");
    client.write(List.of("cpu,host=l1 f=5 " + (MOMENT + 3) + "000000000", "cpu,host=l2 f=6 " + (MOMENT + 4) + "000000000"));
    client.write("d", "autogen", ConsistencyLevel.ONE, TimeUnit.SECONDS, "cpu,host=seconds f=7 " + (MOMENT + 5));
    client.write("d", "autogen", ConsistencyLevel.ANY, TimeUnit.MILLISECONDS, List.of("cpu,host=millis f=8 " + (MOMENT + 6) + "000"));
    client.disableGzip();
    client.setConsistency(ConsistencyLevel.QUORUM);
    client.setRetentionPolicy("autogen");
    client.write(point("größe", 7, 1e300));
    BatchPoints batch = BatchPoints.database("d").retentionPolicy("week").tag("all", "yes").consistency(ConsistencyLevel.ALL)
        .precision(TimeUnit.MILLISECONDS).point(point("c", 8, 0.25)).point(point("d", 9, -1)).build();
    client.write(batch);
    client.writeWithRetry(BatchPoints.database("d").point(point("retried", 10, 10)).build());
    fails("another type", () -> client.write("cpu,host=line f=\"text\" " + MOMENT + "000000000"));
    fails("a bad line", () -> client.write("cpu,host=line f=text"));
    fails("no database", () -> client.write("nowhere", "autogen", point("x", 0, 1)));
    fails("no policy", () -> client.write("d", "nowhere", point("x", 0, 1)));
  }

  private static long count(InfluxDB client) {
    QueryResult.Result result = client.query(new Query("SELECT count(v) FROM many", "d")).getResults().get(0);
    return result.getSeries() == null ? 0 : ((Number) result.getSeries().get(0).getValues().get(0).get(1)).longValue();
  }

  private static void batches(InfluxDB client) throws InterruptedException {
    client.enableBatch(BatchOptions.DEFAULTS.actions(500).flushDuration(300).precision(TimeUnit.SECONDS)
        .exceptionHandler((points, error) -> told("batch fails", error.getMessage())));
    told("batching", client.isBatchEnabled());
    for (int at = 0; at < 3000; at++) {
      client.write(Point.measurement("many").time(MOMENT + at, TimeUnit.SECONDS).tag("host", "" + at % 10).addField("v", at).build());
    }
    client.flush();
    client.disableBatch();
    // The last batches are on their way still.
    for (int turn = 0; turn < 200 && count(client) != 3000; turn++) {
      Thread.sleep(50);
    }
    told("many", client.query(new Query("SELECT count(v), sum(v) FROM many", "d")));
    BlockingQueue<String> failures = new LinkedBlockingQueue<>();
    client.enableBatch(BatchOptions.DEFAULTS.actions(10).flushDuration(50).consistency(ConsistencyLevel.ONE)
        .exceptionHandler((points, error) -> failures.add(points.iterator().hasNext() + " " + error.getMessage())));
    client.write("nowhere", "autogen", point("x", 0, 1));
    told("a batch fails", failures.poll(20, TimeUnit.SECONDS));
    client.write("d", "autogen", Point.measurement("many").time(MOMENT, TimeUnit.SECONDS).tag("host", "0").addField("v", "text").build());
    told("a batch fails", failures.poll(20, TimeUnit.SECONDS));
    client.disableBatch();
  }

  private static void queries(InfluxDB client, ResponseFormat format) throws Exception {
    told("rows", client.query(new Query("SELECT * FROM cpu", "d")));
    for (TimeUnit unit : List.of(TimeUnit.NANOSECONDS, TimeUnit.MICROSECONDS, TimeUnit.MILLISECONDS, TimeUnit.SECONDS, TimeUnit.MINUTES, TimeUnit.HOURS)) {
      told("in " + unit, client.query(new Query("SELECT f, i FROM cpu LIMIT 2", "d"), unit));
    }
    told("by POST", client.query(new Query("SELECT f FROM cpu LIMIT 1", "d", true)));
    told("policy", client.query(new Query("SELECT * FROM d.week.cpu", "d")));
    told("several", client.query(new Query("SELECT mean(v) FROM many GROUP BY host; SHOW TAG KEYS; SELECT nonsense(f) FROM cpu", "d")));
    told("bound", client.query(BoundParameterQuery.QueryBuilder.newQuery("SELECT f FROM cpu WHERE host = $host AND f > $least")
        .forDatabase("d").bind("host", "a, b=c").bind("least", 1).create()));
    told("built", client.query(BuiltQuery.QueryBuilder.select().max("v").min("v").from("d", "many")
        .where(new SimpleClause("v", ">", 10)).groupBy("host").limit(1)));
    fails("nonsense", () -> client.query(new Query("SELECT * FROM", "d")));
    told("no database", client.query(new Query("SELECT * FROM cpu", "nowhere")));
    BlockingQueue<Object> chunks = new LinkedBlockingQueue<>();
    client.query(new Query("SELECT v FROM many", "d"), 700,
        (cancellable, result) -> chunks.add(result.getError() == null ? result.getResults().get(0).getSeries().get(0).getValues().size() : result.getError()),
        () -> chunks.add("complete"), error -> chunks.add(error.getMessage()));
    for (Object chunk = ""; !"complete".equals(chunk);) {
      chunk = chunks.poll(20, TimeUnit.SECONDS);
      told("chunk", chunk);
      if (chunk == null) {
        throw new IllegalStateException("no chunk came");
      }
    }
    BlockingQueue<Object> cut = new LinkedBlockingQueue<>();
    client.query(new Query("SELECT v FROM many", "d"), 100, (cancellable, result) -> {
      cut.add(result.getResults().get(0).getSeries().get(0).getValues().size());
      cancellable.cancel();
      cut.add(cancellable.isCanceled());
    });
    told("cut", cut.poll(20, TimeUnit.SECONDS) + " " + cut.poll(20, TimeUnit.SECONDS));
    BlockingQueue<Object> answers = new LinkedBlockingQueue<>();
    client.query(new Query("SELECT count(v) FROM many", "d"), answers::add, error -> answers.add(error.getMessage()));
    told("later", answers.poll(20, TimeUnit.SECONDS));
  }

  private static void mapped(InfluxDB client) {
    InfluxDBResultMapper mapper = new InfluxDBResultMapper();
    QueryResult result = client.query(new Query("SELECT * FROM cpu WHERE host =~ /a|line/", "d"));
    told("mapped", mapper.toPOJO(result, Cpu.class));
    Cpu cpu = new Cpu();
    cpu.time = Instant.ofEpochSecond(MOMENT + 20);
    cpu.host = "mapped";
    cpu.f = 0.5;
    cpu.b = false;
    client.write(Point.measurementByPOJO(Cpu.class).addFieldsFromPOJO(cpu).build());
    InfluxDBMapper both = new InfluxDBMapper(client);
    cpu.time = Instant.ofEpochSecond(MOMENT + 21);
    cpu.s = "saved";
    both.save(cpu);
    told("saved", both.query(new Query("SELECT * FROM cpu WHERE s = 'saved'", "d"), Cpu.class));
    told("all", both.query(Cpu.class).size());
    told("mapped back", mapper.toPOJO(client.query(new Query("SELECT * FROM cpu WHERE host = 'mapped'", "d")), Cpu.class));
  }
}
