//! The accent colour, and the colours that go with it so that everything stays readable (WCAG 2.2, 1.4.3: 4.5 to 1).

/// An sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(u8, u8, u8);

const WHITE: Colour = Colour(0xff, 0xff, 0xff);
const BLACK: Colour = Colour(0, 0, 0);
/// The card that text stands on, as `static/gate.css` has it in its two schemes.
const LIGHT_CARD: Colour = WHITE;
const DARK_CARD: Colour = Colour(0x16, 0x1b, 0x22);
const LIGHT_PAGE: Colour = Colour(0xf4, 0xf5, 0xf7);
const READABLE: f64 = 4.5;

impl Colour {
    /// Reads `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Colour> {
        let hex = text.strip_prefix('#')?;
        if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
        Some(Colour(part(0)?, part(2)?, part(4)?))
    }

    /// The custom properties that the stylesheet builds on.
    pub(super) fn properties(self) -> String {
        let on_accent = if contrast(self, WHITE) >= contrast(self, BLACK) { WHITE } else { BLACK };
        // The grey page is the darker of the two light grounds: what is readable there is readable on the card.
        let light = self.until_readable_on(LIGHT_PAGE, BLACK);
        let dark = self.until_readable_on(DARK_CARD, WHITE);
        format!(
            ":root{{--accent:{};--on-accent:{};--link:{};--link-dark:{}}}\n",
            self.css(),
            on_accent.css(),
            light.css(),
            dark.css()
        )
    }

    fn until_readable_on(self, ground: Colour, toward: Colour) -> Colour {
        (0..=20).map(|step| self.mix(toward, step)).find(|c| contrast(*c, ground) >= READABLE).unwrap_or(toward)
    }

    /// `step` twentieths of the way to `other`.
    fn mix(self, other: Colour, step: u16) -> Colour {
        let part = |a: u8, b: u8| ((u16::from(a) * (20 - step) + u16::from(b) * step) / 20) as u8;
        Colour(part(self.0, other.0), part(self.1, other.1), part(self.2, other.2))
    }

    fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn luminance(self) -> f64 {
        let part = |value: u8| {
            let v = f64::from(value) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(self.0) + 0.7152 * part(self.1) + 0.0722 * part(self.2)
    }
}

fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (a.luminance(), b.luminance());
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_accent_text_is_readable() {
        for text in ["#000000", "#ffffff", "#ffff00", "#0b5cad", "#808080", "#777777", "#ff0000", "#00ff00", "#161b22"]
        {
            let accent = Colour::parse(text).unwrap();
            let on = if contrast(accent, WHITE) >= contrast(accent, BLACK) { WHITE } else { BLACK };
            assert!(contrast(accent, on) >= READABLE, "{text}");
            assert!(accent.properties().contains(&format!("--on-accent:{}", on.css())));
            assert!(contrast(accent.until_readable_on(LIGHT_PAGE, BLACK), LIGHT_CARD) >= READABLE, "{text}");
            assert!(contrast(accent.until_readable_on(DARK_CARD, WHITE), DARK_CARD) >= READABLE, "{text}");
        }
    }

    #[test]
    fn only_six_hex_digits_are_a_colour() {
        assert_eq!(Colour::parse("#0B5cad"), Some(Colour(0x0b, 0x5c, 0xad)));
        for bad in ["", "#", "0b5cad", "#fff", "#0b5cag", "red", "#0b5cad;}", "#€€", "#0b5cad "] {
            assert_eq!(Colour::parse(bad), None, "{bad}");
        }
    }
}
