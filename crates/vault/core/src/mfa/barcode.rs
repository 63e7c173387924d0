//! QR codes for authenticators, as PNG images.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use qrcode::{Color, QrCode};

use crate::fault::Fault;

/// White border, in modules: what the standard asks for (ISO/IEC 18004).
const QUIET: usize = 4;

/// A square image of `text`, `size` pixels wide or as wide as it takes, as base64 of a PNG.
pub(super) fn png(text: &str, size: u16) -> Result<String, Fault> {
    let code = QrCode::new(text.as_bytes()).map_err(|_| {
        Fault::invalid("the key and the names are too long for a QR code: set qr_size=0, or a shorter issuer")
    })?;
    let colors = code.to_colors();
    let modules = code.width() + 2 * QUIET;
    let scale = (usize::from(size) / modules).max(1);
    let width = usize::from(size).max(modules * scale);
    // What is left over goes to the border.
    let margin = (width - modules * scale) / 2 + QUIET * scale;
    let bytes_of_row = width.div_ceil(8);
    let mut pixels = vec![0xff_u8; bytes_of_row * width];
    for y in 0..code.width() * scale {
        for x in 0..code.width() * scale {
            let module = colors.get(y / scale * code.width() + x / scale);
            if module == Some(&Color::Dark) {
                let (x, y) = (x + margin, y + margin);
                if let Some(byte) = pixels.get_mut(y * bytes_of_row + x / 8) {
                    *byte &= !(0x80 >> (x % 8));
                }
            }
        }
    }
    Ok(BASE64_STANDARD.encode(encode(&pixels, width)?))
}

fn encode(pixels: &[u8], width: usize) -> Result<Vec<u8>, Fault> {
    let width = u32::try_from(width).map_err(Fault::internal)?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(Fault::internal)?;
    writer.write_image_data(pixels).map_err(Fault::internal)?;
    writer.finish().map_err(Fault::internal)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_a_png_of_the_size() {
        for (size, expected) in [(200_u16, 200), (1, 53)] {
            let text = "otpauth://totp/Arca:e?secret=MZXW6YTBOI&issuer=Arca&period=30&digits=6";
            let image = BASE64_STANDARD.decode(png(text, size).unwrap()).unwrap();
            let reader = png::Decoder::new(std::io::Cursor::new(image))
                .read_info()
                .unwrap();
            let (width, height) = (reader.info().width, reader.info().height);
            assert_eq!(width, height);
            assert!(size == 1 || width == expected, "{width}");
        }
        assert!(png(&"x".repeat(5000), 200).is_err());
    }
}
