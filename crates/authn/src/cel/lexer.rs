//! From text to tokens.
//!
//! 1. Blanks, line ends and comments (`// …`) separate tokens and are otherwise nothing.
//! 2. Whole numbers are decimal or `0x…`, with `u` behind them unsigned; a number with a fraction or an exponent is a
//!    double. What does not fit its type is refused here.
//! 3. Strings stand in `"` or `'`, or in three of them and then over several lines; `r` before them leaves escapes as
//!    they are, `b` makes octets of them.

use super::Problem;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, or a reserved word.
    Word(String),
    /// The digits' value, at most 2^63 for the sake of the smallest number.
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Everything else.
    Sign(&'static str),
    End,
}

pub(super) struct Lexed {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// Longer ones first.
const SIGNS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}", "=", "&",
];

pub(super) fn tokens(source: &str) -> Result<Vec<Lexed>, Problem> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push(Lexed { token, at });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    fn while_true(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_blanks(&mut self) {
        loop {
            self.while_true(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if !self.eat("//") {
                return;
            }
            self.while_true(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Result<Token, Problem> {
        let Some(first) = self.peek() else { return Ok(Token::End) };
        if let Some((raw, bytes)) = self.string_prefix() {
            return self.string(raw, bytes);
        }
        let second = self.rest().chars().nth(1);
        if first.is_ascii_digit() || first == '.' && second.is_some_and(|c| c.is_ascii_digit()) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Token::Word(self.while_true(|c| c.is_ascii_alphanumeric() || c == '_').to_owned()));
        }
        match SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
            Some(sign) if !matches!(*sign, "=" | "&") => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            _ => Err(self.unexpected(first)),
        }
    }

    fn unexpected(&self, found: char) -> Problem {
        let hint = match found {
            '=' => "; equality is '=='",
            '&' => "; 'and' is '&&'",
            '|' => "; 'or' is '||'",
            '`' => "; a name that needs quotes is written in the form claims[\"name\"]",
            _ => "",
        };
        Problem::new(self.at, format!("Syntax error: unexpected character {found:?}{hint}"))
    }

    fn number(&mut self) -> Result<Token, Problem> {
        let at = self.at;
        if self.eat("0x") || self.eat("0X") {
            let digits = self.while_true(|c| c.is_ascii_hexdigit());
            return self.whole(at, u64::from_str_radix(digits, 16).ok());
        }
        let digits = self.while_true(|c| c.is_ascii_digit());
        let fraction = self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if fraction {
            self.at += 1;
            self.while_true(|c| c.is_ascii_digit());
        }
        let exponent = self.exponent();
        if !fraction && !exponent {
            return self.whole(at, digits.parse().ok());
        }
        match self.source[at..self.at].parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Token::Double(value)),
            _ => Err(Problem::new(at, "invalid double literal: it does not fit a double")),
        }
    }

    fn exponent(&mut self) -> bool {
        let rest = self.rest();
        let Some(after) = rest.strip_prefix(['e', 'E']) else { return false };
        let digits = after.strip_prefix(['+', '-']).unwrap_or(after);
        let there = digits.starts_with(|c: char| c.is_ascii_digit());
        if there {
            self.at += rest.len() - digits.len();
            self.while_true(|c| c.is_ascii_digit());
        }
        there
    }

    fn whole(&mut self, at: usize, value: Option<u64>) -> Result<Token, Problem> {
        let unsigned = self.eat("u") || self.eat("U");
        match value {
            Some(value) if unsigned => Ok(Token::Uint(value)),
            Some(value) if value <= 1 << 63 => Ok(Token::Int(value)),
            _ => Err(Problem::new(at, "invalid int literal: it does not fit 64 bits")),
        }
    }

    /// Whether a string begins here, and how: raw, of octets. Steps over the letters.
    fn string_prefix(&mut self) -> Option<(bool, bool)> {
        let rest = self.rest();
        let length = rest.bytes().take(3).position(|b| matches!(b, b'"' | b'\''))?;
        let letters = rest.get(..length)?;
        let (raw, bytes) = match letters {
            "" => (false, false),
            "r" | "R" => (true, false),
            "b" | "B" => (false, true),
            "br" | "bR" | "Br" | "BR" | "rb" | "rB" | "Rb" | "RB" => (true, true),
            _ => return None,
        };
        self.at += letters.len();
        Some((raw, bytes))
    }

    fn string(&mut self, raw: bool, bytes: bool) -> Result<Token, Problem> {
        let at = self.at;
        let quote = if self.rest().starts_with('"') { '"' } else { '\'' };
        let three = quote.to_string().repeat(3);
        let long = self.rest().starts_with(&three);
        let end = if long { three.as_str() } else { &three[..1] };
        self.at += end.len();
        let mut octets = Vec::new();
        loop {
            if self.eat(end) {
                break;
            }
            match self.bump() {
                None => return Err(Problem::new(at, "Syntax error: this string has no end")),
                Some('\n' | '\r') if !long => {
                    return Err(Problem::new(
                        at,
                        "Syntax error: this string has no end on its line; \\n stands for a line end",
                    ));
                }
                Some('\\') if raw => {
                    octets.push(b'\\');
                    if let Some(next) = self.bump() {
                        push(&mut octets, next);
                    }
                }
                Some('\\') => self.escape(bytes, &mut octets)?,
                Some(other) => push(&mut octets, other),
            }
        }
        if bytes {
            return Ok(Token::Bytes(octets));
        }
        String::from_utf8(octets)
            .map(Token::Text)
            .map_err(|_| Problem::new(at, "Syntax error: this string is not UTF-8"))
    }

    fn escape(&mut self, bytes: bool, octets: &mut Vec<u8>) -> Result<(), Problem> {
        let at = self.at - 1;
        let wrong = || {
            Problem::new(
                at,
                "Syntax error: this escape is not known; a backslash is written \\\\, or the string r\"…\"",
            )
        };
        let plain = match self.bump().ok_or_else(wrong)? {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            same @ ('\\' | '?' | '"' | '\'' | '`') => same as u8,
            'x' | 'X' => return self.code(2, 16, bytes, octets).ok_or_else(wrong),
            'u' if !bytes => return self.code(4, 16, false, octets).ok_or_else(wrong),
            'U' if !bytes => return self.code(8, 16, false, octets).ok_or_else(wrong),
            '0'..='3' => {
                self.at -= 1;
                return self.code(3, 8, bytes, octets).ok_or_else(wrong);
            }
            _ => return Err(wrong()),
        };
        octets.push(plain);
        Ok(())
    }

    /// A code point (or an octet) in so many digits.
    fn code(&mut self, digits: usize, radix: u32, octet: bool, octets: &mut Vec<u8>) -> Option<()> {
        let text = self.rest().get(..digits).filter(|text| text.chars().all(|c| c.is_digit(radix)))?;
        let code = u32::from_str_radix(text, radix).ok()?;
        self.at += digits;
        if octet {
            octets.push(u8::try_from(code).ok()?);
        } else {
            push(octets, char::from_u32(code)?);
        }
        Some(())
    }
}

fn push(octets: &mut Vec<u8>, character: char) {
    octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(source: &str) -> Vec<Token> {
        tokens(source).unwrap().into_iter().map(|lexed| lexed.token).collect()
    }

    #[test]
    fn reads_numbers_and_strings() {
        for (source, wanted) in [
            ("12", Token::Int(12)),
            ("0x1F", Token::Int(31)),
            ("9223372036854775808", Token::Int(1 << 63)),
            ("18446744073709551615u", Token::Uint(u64::MAX)),
            ("1.5e3", Token::Double(1500.0)),
            (".5", Token::Double(0.5)),
            ("1e2", Token::Double(100.0)),
            (r#""a\n\x41\u00e9\101\"""#, Token::Text("a\nAéA\"".into())),
            (r"r'\d'", Token::Text(r"\d".into())),
            (r"r'\''", Token::Text(r"\'".into())),
            ("'''a\n'b'''", Token::Text("a\n'b".into())),
            (r"b'\xff'", Token::Bytes(vec![255])),
            ("''", Token::Text(String::new())),
            ("rubber", Token::Word("rubber".into())),
        ] {
            assert_eq!(lex(source), [wanted, Token::End], "{source}");
        }
        assert_eq!(lex("// only a comment\n"), [Token::End]);
    }

    #[test]
    fn says_where_it_is_wrong() {
        for (source, at, part) in [
            ("a = b", 2, "'=='"),
            ("a & b", 2, "'&&'"),
            ("a | b", 2, "'||'"),
            ("a # b", 2, "'#'"),
            ("'abc", 0, "no end"),
            ("'a\nb'", 0, "no end on its line"),
            (r"'\q'", 1, "escape"),
            (r"'\ud800'", 1, "escape"),
            ("99999999999999999999", 0, "64 bits"),
            ("1e999", 0, "double"),
            ("claims.`a`", 7, "claims[\"name\"]"),
        ] {
            let problem = tokens(source).err().unwrap();
            assert_eq!(problem.at, at, "{source}");
            assert!(problem.message.contains(part), "{source}: {}", problem.message);
        }
    }
}
