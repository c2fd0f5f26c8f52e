//! Reading answers however the network cuts them, and one exchange over a socket.

use super::*;
use std::net::TcpListener;

/// Gives `step` bytes at a time.
struct Slow<'a> {
    text: &'a [u8],
    step: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.step.min(out.len()).min(self.text.len());
        let (now, later) = self.text.split_at(count);
        out[..count].copy_from_slice(now);
        self.text = later;
        Ok(count)
    }
}

/// Reads `count` answers, in every size of step that cuts differently.
fn read(text: &str, count: usize) -> Vec<(u16, String, bool)> {
    let with_step = |step| {
        let mut answers = Answers::new(Slow { text: text.as_bytes(), step });
        let mut body = Vec::new();
        let mut next = || {
            let head = answers.read(&mut body).unwrap();
            (head.status, String::from_utf8(body.clone()).unwrap(), head.keeps_open)
        };
        (0..count).map(|_| next()).collect::<Vec<_>>()
    };
    let whole = with_step(usize::MAX);
    for step in 1..text.len() {
        assert_eq!(with_step(step), whole, "{step} bytes at a time");
    }
    whole
}

fn fails(text: &str) {
    let mut answers = Answers::new(Slow { text: text.as_bytes(), step: usize::MAX });
    answers.read(&mut Vec::new()).unwrap_err();
}

#[test]
fn reads_answers_with_a_length_one_after_another() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 204 No Content\r\nX: y\r\n\r\n\
                HTTP/1.1 400 Bad Request\r\nContent-Length:3\r\nConnection: close\r\n\r\nno!";
    let answers = read(text, 3);
    let expected = [(200, "hello", true), (204, "", true), (400, "no!", false)];
    assert_eq!(answers, expected.map(|(status, body, open)| (status, body.to_owned(), open)));
}

#[test]
fn reads_chunks() {
    let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n\
                5\r\nhello\r\nB;name=value\r\n, my\r\nworld\r\n0\r\nTrailer: x\r\n\r\n\
                HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(read(text, 2), [(200, "hello, my\r\nworld".to_owned(), true), (200, String::new(), true)]);
}

#[test]
fn reads_to_the_end_without_a_length() {
    assert_eq!(read("HTTP/1.1 200 OK\r\n\r\nall of it", 1), [(200, "all of it".to_owned(), false)]);
    assert_eq!(read("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 1), [(200, "a".to_owned(), false)]);
}

#[test]
fn refuses_what_is_no_answer() {
    fails("");
    fails("HTTP/1.1 200 OK\r\ncontent-le");
    fails("SSH-2.0-x\r\n\r\n");
    fails("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    fails("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
    fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n");
    fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    fails(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(LONGEST_HEAD)));
}

#[test]
fn an_error_under_a_status_of_200_is_one() {
    let response = |status, body| Response { status, body };
    assert_eq!(response(200, b"{\"results\":[]}").expect(200).unwrap(), b"{\"results\":[]}");
    let refused = response(200, b"{\"results\":[{\"error\":\"no such thing\"}]}").expect(200).unwrap_err();
    assert!(refused.to_string().contains("no such thing"));
    let refused = response(503, b"timeout\n\n").expect(204).unwrap_err();
    assert_eq!(refused.to_string(), "the server answered 503: timeout");
}

#[test]
fn reads_urls_and_writes_paths() {
    let url: Url = "http://127.0.0.1:8086/".parse().unwrap();
    assert_eq!(url, Url { authority: "127.0.0.1:8086".to_owned(), prefix: String::new() });
    let url: Url = "http://h/a/b".parse().unwrap();
    assert_eq!(url, Url { authority: "h:80".to_owned(), prefix: "/a/b".to_owned() });
    for wrong in ["127.0.0.1:8086", "https://h", "http://", "http://u:p@h"] {
        wrong.parse::<Url>().unwrap_err();
    }
    assert_eq!(query_path(Some("a b"), "x > 'ü'"), "/query?db=a%20b&q=x%20%3E%20%27%C3%BC%27");
}

#[test]
fn a_connection_is_kept_until_the_server_closes_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let answers =
                ["HTTP/1.1 204 N\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"];
            let mut seen = String::new();
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                for answer in answers {
                    let request = Answers::new(&mut stream).until(b"\r\n\r\n").unwrap_or_default();
                    seen.push_str(String::from_utf8(request).unwrap().lines().next().unwrap_or_default());
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
            seen
        });
        let mut client = Client::new(&url).unwrap();
        for n in 0..4 {
            let response = client.send("GET", &format!("/{n}"), "", b"").unwrap();
            let expected: (u16, &[u8]) = if n % 2 == 0 { (204, b"") } else { (200, b"ok") };
            assert_eq!((response.status, response.body), expected);
        }
        let seen = server.join().unwrap();
        assert_eq!(seen, "GET /0 HTTP/1.1GET /1 HTTP/1.1GET /2 HTTP/1.1GET /3 HTTP/1.1");
    });
}

#[test]
fn a_body_follows_its_head_however_much_the_socket_takes() {
    struct Narrow(Vec<u8>, usize);
    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for width in 1..12 {
        let mut out = Narrow(Vec::new(), width);
        write_both(&mut out, b"head", b"body").unwrap();
        assert_eq!(out.0, b"headbody", "{width}");
    }
}
