//! TSBS's `cpu-only`: what a monitoring agent on each of many hosts reports about its processor.
//!
//! Each field is a random walk with normal steps, held between 0 and 100 and truncated to an integer, as in TSBS; the tags of
//! a host are drawn once.

use crate::bench::moment::{HOUR_NS, START_NS};
use anyhow::Result;
use platform::{Random, SeededRandom};
use std::io::Write;

const FIELDS: [&str; 10] = super::super::question::METRICS;

/// Regions, each with the letters of its zones.
const REGIONS: [(&str, &str); 9] = [
    ("us-east-1", "abce"),
    ("us-west-1", "ab"),
    ("us-west-2", "abc"),
    ("eu-west-1", "abc"),
    ("eu-central-1", "ab"),
    ("ap-southeast-1", "ab"),
    ("ap-southeast-2", "ab"),
    ("ap-northeast-1", "ac"),
    ("sa-east-1", "abc"),
];
const SYSTEMS: [&str; 3] = ["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"];
const ARCHITECTURES: [&str; 2] = ["x64", "x86"];
const TEAMS: [&str; 4] = ["SF", "NYC", "LON", "CHI"];
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "test"];

/// Writes `hours` of reports, one of every host each `step_ns`.
pub(super) fn write(hosts: u32, hours: u32, step_ns: i64, random: &SeededRandom, out: &mut impl Write) -> Result<()> {
    let mut normal = Normal::new(random);
    let mut hosts: Vec<Host> = (0..hosts).map(|number| Host::new(number, random)).collect();
    // Texts of 0 to 100, with the mark of an integer: formatting a number is what would cost most.
    let texts: Vec<String> = (0..=100).map(|value| format!("{value}i")).collect();
    let names: Vec<String> = FIELDS.iter().map(|name| format!(",{name}=")).collect();
    let mut line = Vec::with_capacity(512);
    let mut time = START_NS;
    let end = START_NS + i64::from(hours) * HOUR_NS;
    while time < end {
        let stamp = format!(" {time}\n");
        for host in &mut hosts {
            line.clear();
            line.extend_from_slice(host.tags.as_bytes());
            for (index, (name, walk)) in names.iter().zip(&mut host.walks).enumerate() {
                // A blank stands before the first field, not a comma.
                let name = if index == 0 { " usage_user=" } else { name };
                line.extend_from_slice(name.as_bytes());
                line.extend_from_slice(texts[*walk as usize].as_bytes());
                *walk = (*walk + normal.next()).clamp(0.0, 100.0);
            }
            line.extend_from_slice(stamp.as_bytes());
            out.write_all(&line)?;
        }
        time += step_ns;
    }
    Ok(())
}

/// One host: its line up to the fields, and where each field stands, from 0 to 100.
struct Host {
    tags: String,
    walks: [f64; FIELDS.len()],
}

impl Host {
    fn new(number: u32, random: &SeededRandom) -> Self {
        let (region, zones) = pick(&REGIONS, random);
        let zone = char::from(pick(zones.as_bytes(), random));
        let (rack, system) = (random.below(100), pick(&SYSTEMS, random));
        let (arch, team) = (pick(&ARCHITECTURES, random), pick(&TEAMS, random));
        let (service, version) = (random.below(20), random.below(2));
        let environment = pick(&ENVIRONMENTS, random);
        let tags = format!(
            "cpu,hostname=host_{number},region={region},datacenter={region}{zone},rack={rack},os={system},arch={arch},\
             team={team},service={service},service_version={version},service_environment={environment}"
        );
        Self { tags, walks: std::array::from_fn(|_| uniform(random) * 100.0) }
    }
}

fn pick<T: Copy>(of: &[T], random: &SeededRandom) -> T {
    of[random.below(of.len() as u64) as usize]
}

/// A number from 0 up to 1, 1 left out.
fn uniform(random: &SeededRandom) -> f64 {
    (random.u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Numbers with mean 0 and deviation 1, by Marsaglia's polar method, which makes two at a time.
struct Normal<'a> {
    random: &'a SeededRandom,
    spare: Option<f64>,
}

impl<'a> Normal<'a> {
    fn new(random: &'a SeededRandom) -> Self {
        Self { random, spare: None }
    }

    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (uniform(self.random) * 2.0 - 1.0, uniform(self.random) * 2.0 - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(seed: u64) -> String {
        let mut out = Vec::new();
        write(3, 1, 10_000_000_000, &SeededRandom::new(seed), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_seed_decides_every_byte() {
        assert_eq!(written(7), written(7));
        assert_ne!(written(7), written(8));
    }

    #[test]
    fn rows_have_the_shape_of_tsbs() {
        let text = written(1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3 * 360);
        for (row, line) in lines.iter().enumerate() {
            let parts: Vec<&str> = line.split(' ').collect();
            let [tags, fields, time] = parts[..] else { panic!("{line}") };
            assert!(tags.starts_with(&format!("cpu,hostname=host_{},region=", row % 3)), "{line}");
            let keys: Vec<&str> = tags.split(',').skip(1).map(|tag| tag.split('=').next().unwrap()).collect();
            let expected = "hostname region datacenter rack os arch team service service_version service_environment";
            assert_eq!(keys.join(" "), expected);
            for (field, name) in fields.split(',').zip(FIELDS) {
                let value = field.strip_prefix(name).unwrap().strip_prefix('=').unwrap().strip_suffix('i').unwrap();
                assert!(value.parse::<u8>().unwrap() <= 100, "{line}");
            }
            assert_eq!(fields.split(',').count(), FIELDS.len());
            assert_eq!(time.parse::<i64>().unwrap(), START_NS + row as i64 / 3 * 10_000_000_000);
        }
    }

    #[test]
    fn steps_are_normal() {
        let random = SeededRandom::new(3);
        let mut normal = Normal::new(&random);
        let drawn: Vec<f64> = (0..20_000).map(|_| normal.next()).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        let within_one = drawn.iter().filter(|x| x.abs() < 1.0).count() as f64 / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
        assert!((within_one - 0.6827).abs() < 0.02, "{within_one}");
    }
}
