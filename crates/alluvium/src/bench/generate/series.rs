//! A great many series with few points each: what containers that come and go leave behind.

use crate::bench::moment::START_NS;
use anyhow::Result;
use platform::{Random, SeededRandom};
use std::io::Write;

/// Writes every series, in order, at each of `points` times.
pub(super) fn write(series: u32, points: u32, step_ns: i64, random: &SeededRandom, out: &mut impl Write) -> Result<()> {
    for point in 0..points {
        let time = START_NS + i64::from(point) * step_ns;
        for i in 0..series {
            let (host, pod, path, hash) = (i % 1000, i / 10, i % 7, mixed(i));
            let (whole, thousandths, count) = (random.below(1000), random.below(1000), random.below(10_000));
            writeln!(
                out,
                "http_requests,host=host-{host},pod=pod-{pod}-{hash:08x},path=/api/v{path} \
                 value={whole}.{thousandths:03},count={count}i {time}"
            )?;
        }
    }
    Ok(())
}

/// A hash of 32 bits; each step can be undone, so no two numbers share one and no two series a pod.
fn mixed(number: u32) -> u32 {
    let mut x = number;
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn written(seed: u64) -> String {
        let mut out = Vec::new();
        write(2000, 3, 10_000_000_000, &SeededRandom::new(seed), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_seed_decides_every_byte() {
        assert_eq!(written(7), written(7));
        assert_ne!(written(7), written(8));
    }

    #[test]
    fn every_series_comes_once_at_each_time() {
        let text = written(1);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6000);
        assert!(lines[1234].starts_with("http_requests,host=host-234,pod=pod-123-"), "{}", lines[1234]);
        let keys: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(keys[..2000], keys[2000..4000]);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 2000);
        let pods = keys[..2000].iter().map(|key| key.split(',').nth(2).unwrap()).collect::<HashSet<_>>();
        assert_eq!(pods.len(), 2000);
        let value = lines[0].split(' ').nth(1).unwrap().split(',').next().unwrap().strip_prefix("value=").unwrap();
        assert_eq!(value.split('.').nth(1).unwrap().len(), 3);
    }
}
