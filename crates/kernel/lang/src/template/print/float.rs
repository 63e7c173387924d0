//! Numbers with a fraction.

use super::super::value::Value;
use super::Printer;

/// Digits a `#` flag fills up to when no precision is given.
const SHARP_DIGITS: usize = 6;

impl Printer {
    pub(super) fn float(&mut self, number: f64, verb: char, value: &Value) {
        let (shape, precision) = match verb {
            'v' => ('g', None),
            'g' | 'G' | 'b' | 'x' | 'X' => (verb, None),
            'e' | 'E' | 'f' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad_verb(verb, value),
        };
        let precision = self.flags.precision.or(precision);
        let sign = match () {
            () if number.is_sign_negative() && !number.is_nan() => "-",
            () if self.flags.plus => "+",
            () if self.flags.space => " ",
            () => "",
        };
        if !number.is_finite() {
            let name = if number.is_nan() { "NaN" } else { "Inf" };
            // Infinity always carries its sign.
            let sign = if sign.is_empty() && number.is_infinite() {
                "+"
            } else {
                sign
            };
            self.pad_with_spaces(format!("{sign}{name}").as_bytes());
            return;
        }
        let mut written = digits(number.abs(), shape, precision);
        if self.flags.sharp && shape != 'b' {
            written = with_point(&written, shape, precision);
        }
        self.signed(sign, &written);
    }

    /// Zeros go between the sign and the digits.
    fn signed(&mut self, sign: &str, digits: &str) {
        let length = sign.len() + digits.len();
        match self.flags.width {
            Some(width) if self.flags.zero && !self.flags.minus && !sign.is_empty() && width > length => {
                self.write(sign.as_bytes());
                self.padding(width - length);
                self.write(digits.as_bytes());
            }
            _ => self.pad(format!("{sign}{digits}").as_bytes()),
        }
    }
}

/// Digits behind the point after which there are only zeros: the smallest number is 2 to the power of -1074.
/// (The standard library's formatting takes no more than 65,535.)
const EXACT: usize = 1100;

/// A number that is not negative.
fn digits(number: f64, shape: char, precision: Option<usize>) -> String {
    match shape {
        'e' => scientific(&mantissa(number, precision), 'e'),
        'E' => scientific(&mantissa(number, precision), 'E'),
        'f' => match precision {
            Some(precision) => {
                let exact = precision.min(EXACT);
                format!("{number:.exact$}") + &zeros(precision - exact)
            }
            None => format!("{number}"),
        },
        'b' => binary(number),
        'x' => hexadecimal(number, precision),
        'X' => hexadecimal(number, precision).to_uppercase(),
        _ => general(number, shape, precision),
    }
}

/// `1.5e-7`: as many digits as it takes to be exact, or `precision` behind the point.
fn mantissa(number: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision else {
        return format!("{number:e}");
    };
    let exact = precision.min(EXACT);
    let written = format!("{number:.exact$e}");
    match written.split_once('e') {
        Some((mantissa, exponent)) if precision > exact => {
            format!("{mantissa}{}e{exponent}", zeros(precision - exact))
        }
        _ => written,
    }
}

pub(super) fn zeros(count: usize) -> String {
    "0".repeat(count)
}

/// With a sign and at least two digits in the exponent.
fn scientific(written: &str, letter: char) -> String {
    let (mantissa, exponent) = written.split_once('e').unwrap_or((written, "0"));
    let (sign, size) = match exponent.strip_prefix('-') {
        Some(size) => ('-', size),
        None => ('+', exponent),
    };
    format!("{mantissa}{letter}{sign}{size:0>2}")
}

/// The shorter one of `e` and `f`, without zeros at the end.
fn general(number: f64, shape: char, precision: Option<usize>) -> String {
    if precision.is_none() && (number == 0.0 || (1e-4..1e6).contains(&number)) {
        return format!("{number}");
    }
    let letter = if shape == 'G' { 'E' } else { 'e' };
    let significant = precision.map(|digits| digits.max(1));
    let written = mantissa(number, significant.map(|digits| (digits - 1).min(EXACT)));
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let count = mantissa.len() - usize::from(mantissa.contains('.'));
    let count = if number == 0.0 {
        0
    } else {
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    let limit = match significant.map(|digits| i64::try_from(digits).unwrap_or(i64::MAX)) {
        None => 6,
        Some(limit) if limit > count && count > exponent => count,
        Some(limit) => limit,
    };
    if exponent < -4 || exponent >= limit {
        return scientific(&format!("{mantissa}e{exponent}"), letter);
    }
    let behind = usize::try_from((count - 1 - exponent).max(0)).unwrap_or_default();
    format!("{number:.behind$}")
}

/// The exact bits: a whole number times a power of two.
fn binary(number: f64) -> String {
    let (size, exponent) = parts(number);
    format!("{size}p{exponent:+}")
}

/// A number as a whole number times a power of two.
fn parts(number: f64) -> (u64, i64) {
    let bits = number.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = i64::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
    if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | (1 << 52), exponent - 1075)
    }
}

/// `0x1.8p+01`
fn hexadecimal(number: f64, precision: Option<usize>) -> String {
    let (mut size, mut exponent) = parts(number);
    if size == 0 {
        exponent = -52;
    }
    while size != 0 && size >> 52 == 0 {
        size <<= 1;
        exponent -= 1;
    }
    if let Some(drop) = precision
        .filter(|digits| *digits < 13)
        .map(|digits| 52 - 4 * digits)
    {
        let half = 1u64 << (drop - 1);
        let (kept, rest) = (size >> drop, size & ((1 << drop) - 1));
        let up = rest > half || (rest == half && kept & 1 == 1);
        size = (kept + u64::from(up)) << drop;
        if size >> 53 != 0 {
            size >>= 1;
            exponent += 1;
        }
    }
    let digits = format!("{:013x}", size & ((1 << 52) - 1));
    let fraction = match precision {
        None => digits.trim_end_matches('0').to_owned(),
        Some(wanted) => match digits.get(..wanted) {
            Some(first) => first.to_owned(),
            None => format!("{digits}{}", zeros(wanted - digits.len())),
        },
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent = exponent + 52;
    let sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "0x{}{point}{fraction}p{sign}{:02}",
        size >> 52,
        exponent.unsigned_abs()
    )
}

/// With a decimal point, and with zeros at the end for the general shapes.
fn with_point(written: &str, shape: char, precision: Option<usize>) -> String {
    let general = matches!(shape, 'g' | 'G' | 'x');
    let tail_at = match shape {
        'x' | 'X' => written.find(['p', 'P']),
        _ => written.find(['e', 'E']),
    };
    let (head, tail) = written.split_at(tail_at.unwrap_or(written.len()));
    let mut head = head.to_owned();
    let significant = head
        .chars()
        .filter(|c| *c != '.')
        .skip_while(|c| *c == '0')
        .count();
    let significant = if head == "0" { 1 } else { significant };
    if !head.contains('.') {
        head.push('.');
    }
    let wanted = if general {
        precision.unwrap_or(SHARP_DIGITS)
    } else {
        0
    };
    for _ in significant..wanted {
        head.push('0');
    }
    head + tail
}
