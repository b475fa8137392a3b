//! From tokens to a tree.
//!
//! 1. The grammar is that of the language's specification. Macros become nodes of their own.
//! 2. Nothing nests more than [`MAX_DEPTH`] levels, neither in the text nor, by chains such as `a + b + …`, in the
//!    tree: everything after this may recurse. `&&` and `||` take any number of terms in one level.
//! 3. `!!x` is `x` and `--x` is `x`.

use super::Problem;
use super::ast::{Element, Entry, Form, Loop, Node, What};
use super::lexer::{Lexed, Token, tokens};
use super::value::Val;

/// How deep an expression may nest.
pub(super) const MAX_DEPTH: usize = 64;

/// Words that are no names (but may be fields).
pub(super) const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

pub(super) fn parse(source: &str) -> Result<Node, Problem> {
    let mut parser = Parser { tokens: tokens(source)?, next: 0, depth: 0 };
    let node = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<Lexed>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |lexed| &lexed.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |lexed| lexed.at)
    }

    fn bump(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let there = self.is(sign);
        if there {
            self.next += 1;
        }
        there
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Problem> {
        if self.eat(sign) { Ok(()) } else { Err(self.unexpected(&format!("'{sign}'"))) }
    }

    fn unexpected(&self, wanted: &str) -> Problem {
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Sign(sign) => format!("'{sign}'"),
            Token::Word(word) => format!("'{}'", gangplank_jose::Excerpt::of(word)),
            Token::Int(_) | Token::Uint(_) | Token::Double(_) => "a number".to_owned(),
            Token::Text(_) | Token::Bytes(_) => "a string".to_owned(),
        };
        Problem::new(self.at(), format!("Syntax error: found {found}, expected {wanted}"))
    }

    /// `or`, or `or ? or : expression`.
    fn expression(&mut self) -> Result<Node, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(self.at()));
        }
        let condition = self.binary(1)?;
        let at = self.at();
        let node = if self.eat("?") {
            let yes = self.binary(1)?;
            self.expect(":")?;
            let no = self.expression()?;
            node(at, Form::Choice(Box::new([condition, yes, no])))?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(node)
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        Some(match self.peek() {
            Token::Sign("||") => ("_||_", 1),
            Token::Sign("&&") => ("_&&_", 2),
            Token::Sign("<") => ("_<_", 3),
            Token::Sign("<=") => ("_<=_", 3),
            Token::Sign(">") => ("_>_", 3),
            Token::Sign(">=") => ("_>=_", 3),
            Token::Sign("==") => ("_==_", 3),
            Token::Sign("!=") => ("_!=_", 3),
            Token::Word(word) if word == "in" => ("@in", 3),
            Token::Sign("+") => ("_+_", 4),
            Token::Sign("-") => ("_-_", 4),
            Token::Sign("*") => ("_*_", 5),
            Token::Sign("/") => ("_/_", 5),
            Token::Sign("%") => ("_%_", 5),
            _ => return None,
        })
    }

    /// Operators that bind at least so tightly.
    fn binary(&mut self, tightness: u8) -> Result<Node, Problem> {
        let mut left = self.unary()?;
        while let Some((name, binds)) = self.operator().filter(|(_, binds)| *binds >= tightness) {
            let at = self.at();
            self.next += 1;
            let right = self.binary(binds + 1)?;
            left = match (name, left) {
                ("_||_", Node { form: Form::Or(mut terms), height, .. }) => {
                    let height = height.max(right.height + 1);
                    terms.push(right);
                    Node { at, height, form: Form::Or(terms) }
                }
                ("_||_", left) => node(at, Form::Or(vec![left, right]))?,
                ("_&&_", Node { form: Form::And(mut terms), height, .. }) => {
                    let height = height.max(right.height + 1);
                    terms.push(right);
                    Node { at, height, form: Form::And(terms) }
                }
                ("_&&_", left) => node(at, Form::And(vec![left, right]))?,
                (_, left) => call(at, None, name, vec![left, right])?,
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, Problem> {
        let at = self.at();
        let sign = if self.is("!") { "!" } else { "-" };
        let mut count = 0_usize;
        while self.eat(sign) {
            count += 1;
        }
        let number = matches!(self.peek(), Token::Int(_) | Token::Double(_));
        let negative = sign == "-" && count > 0 && number;
        let inner = self.member(negative)?;
        match (count - usize::from(negative)) % 2 {
            0 => Ok(inner),
            _ => call(at, None, if sign == "!" { "!_" } else { "-_" }, vec![inner]),
        }
    }

    /// A primary with everything behind it.
    fn member(&mut self, negative: bool) -> Result<Node, Problem> {
        let mut of = self.primary(negative)?;
        loop {
            let at = self.at();
            if self.eat(".") {
                of = self.after_dot(at, of)?;
            } else if self.eat("[") {
                let optional = self.eat("?");
                let key = Box::new(self.expression()?);
                self.expect("]")?;
                of = node(at, Form::Index { of: Box::new(of), key, optional })?;
            } else if self.is("{") && matches!(of.form, Form::Name(_) | Form::Select { .. }) {
                return Err(Problem::new(
                    at,
                    "messages cannot be made in these expressions; a map is {\"key\": value}",
                ));
            } else {
                return Ok(of);
            }
        }
    }

    fn after_dot(&mut self, at: usize, of: Node) -> Result<Node, Problem> {
        let optional = self.eat("?");
        let field = match self.peek() {
            Token::Word(word) if !matches!(word.as_str(), "in" | "true" | "false" | "null") => word.clone(),
            _ => return Err(self.unexpected("a name")),
        };
        self.next += 1;
        if optional || !self.eat("(") {
            return node(at, Form::Select { of: Box::new(of), field, optional });
        }
        let arguments = self.until(")", Self::expression)?;
        member_call(at, of, field, arguments)
    }

    fn primary(&mut self, negative: bool) -> Result<Node, Problem> {
        let at = self.at();
        let literal = match self.bump() {
            Token::Int(digits) if negative => Val::Int(0_i64.wrapping_sub_unsigned(digits)),
            Token::Int(digits) => {
                let fits = i64::try_from(digits);
                Val::Int(fits.map_err(|_| Problem::new(at, "invalid int literal: it does not fit 64 bits"))?)
            }
            Token::Uint(value) => Val::Uint(value),
            Token::Double(value) => Val::Double(if negative { -value } else { value }),
            Token::Text(text) => Val::text(text),
            Token::Bytes(octets) => Val::Bytes(octets.into()),
            Token::Word(word) => match word.as_str() {
                "true" => Val::Bool(true),
                "false" => Val::Bool(false),
                "null" => Val::Null,
                "in" => return Err(self.back().unexpected("a value")),
                reserved if RESERVED.contains(&reserved) => {
                    return Err(Problem::new(at, format!("reserved identifier: {reserved}")));
                }
                _ => return self.name(at, word),
            },
            // The root of all names is where we are, anyway.
            Token::Sign(".") => match self.bump() {
                Token::Word(word) if !matches!(word.as_str(), "in" | "true" | "false" | "null") => {
                    return self.name(at, word);
                }
                _ => return Err(self.back().unexpected("a name")),
            },
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Sign("[") => {
                let elements =
                    self.until("]", |parser| Ok(Element { optional: parser.eat("?"), value: parser.expression()? }))?;
                return node(at, Form::List(elements));
            }
            Token::Sign("{") => {
                let entries = self.until("}", Self::entry)?;
                return node(at, Form::Map(entries));
            }
            _ => return Err(self.back().unexpected("a value")),
        };
        node(at, Form::Literal(literal))
    }

    fn back(&mut self) -> &Self {
        self.next -= 1;
        self
    }

    fn entry(&mut self) -> Result<Entry, Problem> {
        let optional = self.eat("?");
        let key = self.expression()?;
        self.expect(":")?;
        Ok(Entry { optional, key, value: self.expression()? })
    }

    fn name(&mut self, at: usize, name: String) -> Result<Node, Problem> {
        if !self.eat("(") {
            return node(at, Form::Name(name));
        }
        let mut arguments = self.until(")", Self::expression)?;
        if name != "has" || arguments.len() != 1 {
            return call(at, None, &name, arguments);
        }
        match arguments.pop().map(|argument| argument.form) {
            Some(Form::Select { of, field, optional: false }) => node(at, Form::Has { of, field }),
            _ => Err(Problem::new(
                at,
                "invalid argument to has() macro: it takes a selected field, as in has(claims.email)",
            )),
        }
    }

    /// Things with commas between them; one more at the end of lists and maps is fine.
    fn until<T>(
        &mut self,
        end: &'static str,
        one: impl Fn(&mut Self) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let mut all = Vec::new();
        while !self.eat(end) {
            all.push(one(self)?);
            if self.eat(",") {
                if end == ")" && self.is(end) {
                    return Err(self.unexpected("a value"));
                }
            } else if !self.is(end) {
                return Err(self.unexpected(&format!("',' or '{end}'")));
            }
        }
        Ok(all)
    }
}

/// `of.name(…)`, or the macro of that name.
fn member_call(at: usize, of: Node, name: String, mut arguments: Vec<Node>) -> Result<Node, Problem> {
    let (what, variables) = match (name.as_str(), arguments.len()) {
        ("optMap" | "optFlatMap", 2) => {
            let flat = name == "optFlatMap";
            let (body, variable) = (arguments.pop(), arguments.pop());
            let (Some(body), Some(variable)) = (body, variable) else { return call(at, Some(of), &name, arguments) };
            let variable = variable_name(variable)?;
            return node(at, Form::IfPresent { of: Box::new(of), variable, body: Box::new(body), flat });
        }
        ("all", 2) => (What::All, 1),
        ("all", 3) => (What::All, 2),
        ("exists", 2) => (What::Exists, 1),
        ("exists", 3) => (What::Exists, 2),
        ("exists_one" | "existsOne", 2) => (What::ExistsOne, 1),
        ("exists_one" | "existsOne", 3) => (What::ExistsOne, 2),
        ("map", 2 | 3) => (What::Each, 1),
        ("filter", 2) => (What::Filter, 1),
        ("sortBy", 2) => (What::SortBy, 1),
        ("transformList", 3 | 4) => (What::Each, 2),
        ("transformMap", 3 | 4) => (What::TransformMap, 2),
        ("transformMapEntry", 3 | 4) => (What::TransformMapEntry, 2),
        _ => return call(at, Some(of), &name, arguments),
    };
    let body = arguments.pop();
    let mut rest = arguments.into_iter();
    let first = rest.next().map(variable_name).transpose()?;
    let second = if variables == 2 { rest.next().map(variable_name).transpose()? } else { None };
    if second.is_some() && first == second {
        return Err(Problem::new(at, format!("the two variables of {name}() have the same name")));
    }
    match (first, body) {
        (Some(first), Some(body)) => {
            let filter = rest.next();
            node(at, Form::Loop(Box::new(Loop { what, over: of, first, second, filter, body })))
        }
        _ => Err(Problem::new(at, format!("{name}() takes a variable and an expression"))),
    }
}

fn variable_name(variable: Node) -> Result<String, Problem> {
    match variable.form {
        Form::Name(name) => Ok(name),
        _ => Err(Problem::new(variable.at, "argument must be a simple name: the variable of this macro")),
    }
}

fn call(at: usize, target: Option<Node>, name: &str, arguments: Vec<Node>) -> Result<Node, Problem> {
    node(at, Form::Call { target: target.map(Box::new), name: name.to_owned(), arguments })
}

fn node(at: usize, form: Form) -> Result<Node, Problem> {
    let mut node = Node { at, height: 0, form };
    node.height = 1 + node.children().into_iter().map(|child| child.height).max().unwrap_or(0);
    if node.height > MAX_DEPTH { Err(too_deep(at)) } else { Ok(node) }
}

fn too_deep(at: usize) -> Problem {
    Problem::new(at, format!("nested more than {MAX_DEPTH} levels deep; split it into several expressions"))
}
