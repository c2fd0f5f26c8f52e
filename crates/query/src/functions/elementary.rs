//! Elementary functions of floats, which come out to the last bit as those of InfluxDB, that is of Go on x86-64.
//!
//! Libraries differ in the last digit of a sine, so none is asked: arguments are reduced and polynomials evaluated as
//! published in Cephes (trigonometry and its inverses, by S. Moshier) and in fdlibm (the logarithm, by Sun Microsystems), in the
//! order of operations that Go has; where it multiplies and adds in one step (the exponential), so do we. `floor`, `ceil`, `trunc` and
//! `sqrt` have one right result everywhere.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, LOG2_E, LOG10_E, PI};

/// Bits of a mantissa, and what is added to an exponent.
const MANTISSA: u32 = 52;
const BIAS: i32 = 1023;
const EXPONENT: u64 = 0x7ff;

fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().skip(1).fold(coefficients[0], |sum, coefficient| sum * x + coefficient)
}

/// An angle (not negative, finite) as a number of eighths of a turn, even but below a quarter of pi, and the rest (radians).
fn octant(x: f64) -> (u64, f64) {
    /// A quarter of pi in three parts, the first two with bits to spare.
    const PARTS: [f64; 3] = [7.853_981_256_484_985e-1, 3.774_894_707_930_798e-8, 2.695_151_429_079_059_5e-15];
    /// From here on the parts are not precise enough.
    const LARGE: f64 = (1u64 << 29) as f64;
    if x >= LARGE {
        return large_octant(x);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = (x * (2.0 * FRAC_2_PI)) as u64;
    let octant = whole + (whole & 1);
    #[allow(clippy::cast_precision_loss)]
    let turns = octant as f64;
    (octant, PARTS.iter().fold(x, |rest, part| rest - turns * part))
}

/// The binary digits of 4/pi, as many as the largest float needs.
const DIGITS: [u64; 20] = [
    0x0000_0000_0000_0001,
    0x45f3_06dc_9c88_2a53,
    0xf84e_afa3_ea69_bb81,
    0xb6c5_2b32_7887_2083,
    0xfca2_c757_bd77_8ac3,
    0x6e48_dc74_849b_a5c0,
    0x0c92_5dd4_13a3_2439,
    0xfc3b_d639_6253_4e7d,
    0xd104_6bea_5d76_8909,
    0xd338_e04d_68be_fc82,
    0x7323_ac73_06a6_73e9,
    0x3908_bf17_7bf2_5076,
    0x3ff1_2fff_bc0b_301f,
    0xde5e_2316_b414_da3e,
    0xda6c_fd9e_4f96_136e,
    0x9e8c_7ecd_3cbf_d45a,
    0xea4f_758f_d7cb_e2f6,
    0x7a0e_73ef_14a5_25d4,
    0xd7f6_bf62_3f1a_ba10,
    0xac06_608d_f8f6_d757,
];

/// [`octant`] for large angles, by Payne and Hanek: only those digits of 4/pi count that give octants and their fraction.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn large_octant(x: f64) -> (u64, f64) {
    let bits = x.to_bits();
    let exponent = (bits >> MANTISSA & EXPONENT) as i32 - BIAS - MANTISSA as i32;
    let mantissa = bits & ((1 << MANTISSA) - 1) | 1 << MANTISSA;
    let first = (exponent + 61) as u32;
    let (digit, shift) = ((first / 64) as usize, first % 64);
    let part = |at: usize| {
        let both = u128::from(DIGITS[digit + at]) << 64 | u128::from(DIGITS[digit + at + 1]);
        (both >> (64 - shift)) as u64
    };
    let low = (u128::from(part(2)) * u128::from(mantissa)) >> 64;
    let middle = u128::from(part(1)) * u128::from(mantissa);
    let high = u128::from(part(0).wrapping_mul(mantissa)) << 64;
    let product = high.wrapping_add(middle).wrapping_add(low);
    let octant = (product >> 125) as u64;
    let fraction = product << 3;
    let zeros = (fraction >> 64).leading_zeros() - 64;
    let mantissa = ((fraction << (zeros + 1)) >> 64) as u64 >> (64 - MANTISSA);
    let exponent = u64::from(BIAS as u32 - (zeros + 1));
    let fraction = f64::from_bits(mantissa | exponent << MANTISSA);
    if octant & 1 == 1 {
        return ((octant + 1) & 7, (fraction - 1.0) * FRAC_PI_4);
    }
    (octant, fraction * FRAC_PI_4)
}

/// Sine and cosine near zero.
fn sine_of(z: f64) -> f64 {
    let square = z * z;
    let terms = [
        1.589_623_015_765_465_7e-10,
        -2.505_074_776_285_780_7e-8,
        2.7557313621385722e-06,
        -1.984_126_982_958_954e-4,
        8.333_333_333_322_118e-3,
        -1.666_666_666_666_663e-1,
    ];
    z + z * square * polynomial(square, &terms)
}

fn cosine_of(z: f64) -> f64 {
    let square = z * z;
    let terms = [
        -1.135_853_652_138_768_2e-11,
        2.087_570_084_197_473e-9,
        -2.755_731_417_929_674e-7,
        2.480_158_728_885_170_5e-5,
        -1.388_888_888_887_305_6e-3,
        0.041666666666666595,
    ];
    1.0 - 0.5 * square + square * square * polynomial(square, &terms)
}

/// Sine (radians).
pub(crate) fn sin(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (octant, z) = octant(x.abs());
    let octant = octant & 7;
    let value = if matches!(octant & 3, 1 | 2) { cosine_of(z) } else { sine_of(z) };
    if (octant > 3) != (x < 0.0) { -value } else { value }
}

/// Cosine (radians).
pub(crate) fn cos(x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (octant, z) = octant(x.abs());
    let octant = octant & 7;
    let value = if matches!(octant & 3, 1 | 2) { sine_of(z) } else { cosine_of(z) };
    if (octant > 3) != (octant & 3 > 1) { -value } else { value }
}

/// Tangent (radians).
pub(crate) fn tan(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (octant, z) = octant(x.abs());
    let square = z * z;
    let mut value = z;
    if square > 1e-14 {
        let above =
            polynomial(square, &[-1.309_369_391_813_837_9e4, 1.153_516_648_385_874_2e6, -1.795_652_519_764_848_8e7]);
        let terms =
            [1.0, 1.368_129_634_706_929_5e4, -1.320_892_344_402_109_7e6, 2.500_838_018_233_579e7, -53869575.592945464];
        value = z + z * (square * above / polynomial(square, &terms));
    }
    if octant & 2 == 2 {
        value = -1.0 / value;
    }
    if x < 0.0 { -value } else { value }
}

/// Arc tangent between zero and 0.66.
fn small_arc(x: f64) -> f64 {
    let square = x * x;
    let above = [
        -8.750_608_600_031_904e-1,
        -16.157537187333652,
        -7.500_855_792_314_705e1,
        -122.88666844901361,
        -6.485_021_904_942_025e1,
    ];
    let below = [
        1.0,
        2.485_846_490_142_306_3e1,
        1.650_270_098_316_988_5e2,
        4.328_810_604_912_902_7e2,
        4.853_903_996_359_137e2,
        1.945_506_571_482_614e2,
    ];
    x * (square * polynomial(square, &above) / polynomial(square, &below)) + x
}

/// Arc tangent of what is not negative.
fn arc(x: f64) -> f64 {
    /// What half of pi has beyond its bits.
    const MORE: f64 = 6.123_233_995_736_766e-17;
    /// The tangent of three eighths of pi.
    const STEEP: f64 = 2.414_213_562_373_095;
    if x <= 0.66 {
        small_arc(x)
    } else if x > STEEP {
        FRAC_PI_2 - small_arc(1.0 / x) + MORE
    } else {
        FRAC_PI_4 + small_arc((x - 1.0) / (x + 1.0)) + 0.5 * MORE
    }
}

/// Arc tangent.
pub(crate) fn atan(x: f64) -> f64 {
    if x == 0.0 {
        x
    } else if x > 0.0 {
        arc(x)
    } else {
        -arc(-x)
    }
}

/// Arc tangent of `y / x`, in the right quadrant.
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    if y.is_nan() || x.is_nan() {
        return f64::NAN;
    }
    if y == 0.0 {
        return if x.is_sign_negative() { PI.copysign(y) } else { y };
    }
    if x == 0.0 {
        return FRAC_PI_2.copysign(y);
    }
    if x.is_infinite() {
        let turn = if y.is_infinite() { FRAC_PI_4 } else { 0.0 };
        let turn = match (x > 0.0, y.is_infinite()) {
            (true, _) => turn,
            (false, true) => 3.0 * FRAC_PI_4,
            (false, false) => PI,
        };
        return turn.copysign(y);
    }
    if y.is_infinite() {
        return FRAC_PI_2.copysign(y);
    }
    let turn = atan(y / x);
    match (x < 0.0, turn <= 0.0) {
        (false, _) => turn,
        (true, true) => turn + PI,
        (true, false) => turn - PI,
    }
}

/// Arc sine; NaN beyond one.
pub(crate) fn asin(x: f64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let y = x.abs();
    if y > 1.0 {
        return f64::NAN;
    }
    let other = (1.0 - y * y).sqrt();
    let turn = if y > 0.7 { FRAC_PI_2 - arc(other / y) } else { arc(y / other) };
    if x < 0.0 { -turn } else { turn }
}

/// Arc cosine; NaN beyond one.
pub(crate) fn acos(x: f64) -> f64 {
    FRAC_PI_2 - asin(x)
}

/// `2^exponent` of an exponent with its bias in place.
fn power_of_two(biased: i32) -> f64 {
    f64::from_bits(u64::from(biased.unsigned_abs()) << MANTISSA)
}

/// Power of e.
pub(crate) fn exp(x: f64) -> f64 {
    const LARGEST: f64 = 7.097_827_128_933_84e2;
    /// The logarithm of two in two parts.
    const LN_2: [f64; 2] = [0.693147180559663, 0.282_352_905_630_315_77e-12];
    /// One by the factorials of 8 down to 2, and one.
    const TERMS: [f64; 8] = [
        2.48015873015873e-05,
        0.0001984126984126984,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
        1.0,
    ];
    if x.is_nan() {
        return x;
    }
    if x > LARGEST {
        return f64::INFINITY;
    }
    #[allow(clippy::cast_possible_truncation)]
    let exponent = (LOG2_E * x).round_ties_even() as i32;
    if exponent < -52 - BIAS {
        return 0.0;
    }
    let whole = f64::from(exponent);
    // A sixteenth of the rest, whose power minus one is then squared, so to speak, four times.
    let rest = (-whole).mul_add(LN_2[1], (-whole).mul_add(LN_2[0], x)) * 0.0625;
    let series = TERMS[1..].iter().fold(TERMS[0], |sum, term| sum.mul_add(rest, *term));
    let mut less = rest * series;
    for _ in 0..3 {
        less *= less + 2.0;
    }
    let value = (less + 2.0).mul_add(less, 1.0);
    match exponent + BIAS {
        biased if biased <= 0 => value * power_of_two(biased + BIAS - 1) * power_of_two(1),
        biased if biased >= EXPONENT as i32 => f64::INFINITY,
        biased => value * power_of_two(biased),
    }
}

/// Natural logarithm; NaN below zero.
pub(crate) fn ln(x: f64) -> f64 {
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    if !x.is_finite() {
        return x;
    }
    let bits = x.to_bits();
    #[allow(clippy::cast_possible_truncation)]
    let mut exponent = f64::from((bits >> MANTISSA) as i32 - (BIAS - 1));
    // The number is not made normal before: Go's comes out so.
    let mut fraction = f64::from_bits(bits & ((1 << MANTISSA) - 1) | 0.5_f64.to_bits());
    if fraction <= FRAC_1_SQRT_2 {
        exponent -= 1.0;
        fraction *= 2.0;
    }
    let f = fraction - 1.0;
    let s = f / (2.0 + f);
    let square = s * s;
    let fourth = square * square;
    let odd = polynomial(
        fourth,
        &[1.479_819_860_511_658_6e-1, 1.818_357_216_161_805e-1, 2.857_142_874_366_239e-1, 6.666_666_666_666_735e-1],
    );
    let even = polynomial(fourth, &[1.531_383_769_920_937_3e-1, 2.222_219_843_214_978_4e-1, 3.999_999_999_940_942e-1]);
    let sum = square * odd + fourth * even;
    let half = 0.5 * f * f;
    exponent * LN_2[0] - ((half - (s * (half + sum) + exponent * LN_2[1])) - f)
}

/// A float as a fraction from a half to one, and a power of two.
#[allow(clippy::cast_possible_truncation)]
fn split(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let (x, more) = if x.abs() < f64::MIN_POSITIVE { (x * (1u64 << MANTISSA) as f64, 52) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = (bits >> MANTISSA & EXPONENT) as i32 - BIAS + 1 - more;
    let half = ((BIAS - 1) as u64) << MANTISSA;
    (f64::from_bits(bits & !(EXPONENT << MANTISSA) | half), exponent)
}

/// A float times a power of two.
#[allow(clippy::cast_possible_truncation)]
fn scale(x: f64, power: i32) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let (fraction, exponent) = split(x);
    let exponent = exponent.saturating_add(power) - 1;
    if exponent < -1_075 {
        return 0.0_f64.copysign(x);
    }
    if exponent > BIAS {
        return f64::INFINITY.copysign(x);
    }
    let (exponent, factor) =
        if exponent < -1_022 { (exponent + 53, 1.0 / (1u64 << 53) as f64) } else { (exponent, 1.0) };
    let bits = fraction.to_bits() & !(EXPONENT << MANTISSA);
    factor * f64::from_bits(bits | u64::from((exponent + BIAS).unsigned_abs()) << MANTISSA)
}

/// Logarithm of base 2.
pub(crate) fn log2(x: f64) -> f64 {
    let (fraction, exponent) = split(x);
    if fraction == 0.5 {
        return f64::from(exponent - 1);
    }
    ln(fraction) * LOG2_E + f64::from(exponent)
}

/// Logarithm of base 10.
pub(crate) fn log10(x: f64) -> f64 {
    ln(x) * LOG10_E
}

/// Logarithm of any base.
pub(crate) fn log(x: f64, base: f64) -> f64 {
    ln(x) / ln(base)
}

fn is_odd(x: f64) -> bool {
    x.abs() < (1u64 << 53) as f64 && x % 2.0 != 0.0 && x.trunc() == x
}

/// A power of a number where one of both is zero or no finite number; `None` if neither is.
fn power_at_edges(x: f64, y: f64) -> Option<f64> {
    let grows = |is_large: bool| if is_large { f64::INFINITY } else { 0.0 };
    Some(if x == 0.0 {
        let sign = if is_odd(y) { x } else { 0.0 };
        if y < 0.0 { f64::INFINITY.copysign(sign) } else { 0.0_f64.copysign(sign) }
    } else if y.is_infinite() {
        if x == -1.0 { 1.0 } else { grows((x.abs() < 1.0) != (y > 0.0)) }
    } else if x == f64::NEG_INFINITY {
        pow(1.0 / x, -y)
    } else if x == f64::INFINITY {
        grows(y > 0.0)
    } else {
        return None;
    })
}

/// Power.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if y == 1.0 {
        return x;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    if let Some(value) = power_at_edges(x, y) {
        return value;
    }
    if y == 0.5 {
        return x.sqrt();
    }
    if y == -0.5 {
        return 1.0 / x.sqrt();
    }
    let (mut whole, mut rest) = (y.abs().trunc(), y.abs().fract());
    if rest != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= (1u64 << 63) as f64 {
        return match x {
            -1.0 => 1.0,
            _ if (x.abs() < 1.0) == (y > 0.0) => 0.0,
            _ => f64::INFINITY,
        };
    }
    let mut value = 1.0;
    if rest != 0.0 {
        if rest > 0.5 {
            rest -= 1.0;
            whole += 1.0;
        }
        value = exp(rest * ln(x));
    }
    let (value, exponent) = whole_power(value, x, whole as i64);
    if y < 0.0 { scale(1.0 / value, -exponent) } else { scale(value, exponent) }
}

/// A value times a whole power of a number, by squares; the power of two apart.
fn whole_power(mut value: f64, x: f64, mut power: i64) -> (f64, i32) {
    /// Beyond this it is zero or infinite anyway, and no longer counted.
    const MOST: i32 = 1 << 12;
    let (mut square, mut exponent) = split(x);
    let mut all = 0;
    while power != 0 {
        if exponent.abs() > MOST {
            return (value, all + exponent);
        }
        if power & 1 == 1 {
            value *= square;
            all += exponent;
        }
        square *= square;
        exponent *= 2;
        if square < 0.5 {
            square += square;
            exponent -= 1;
        }
        power >>= 1;
    }
    (value, all)
}

/// The nearest whole number, halves away from zero.
pub(crate) fn round(x: f64) -> f64 {
    let whole = x.trunc();
    if (x - whole).abs() >= 0.5 { whole + 1.0_f64.copysign(x) } else { whole }
}

#[cfg(test)]
mod tests;
