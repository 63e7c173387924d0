//! Tokens to tree, by recursive descent.

mod expression;

use std::collections::{BTreeMap, HashMap};

use super::Syntax;
use super::ast::{Branch, Call, Node};
use super::error::{Cause, Error};
use super::functions::Functions;
use super::lexer::{Keyword, Lexer, Token, TokenKind};
use super::literal;

type Parsed<T> = Result<T, Error>;

/// Every template of a text by name, the outermost one under `name`, and how many functions they call.
pub(super) fn templates(
    name: &str,
    text: &str,
    functions: &dyn Functions,
    syntax: &Syntax,
) -> Parsed<(BTreeMap<String, Vec<Node>>, usize)> {
    let mut parser = Parser {
        name,
        text,
        functions,
        lexer: Lexer::new(text, &syntax.delimiters),
        tokens: Vec::new(),
        at: 0,
        action_at: None,
        variables: vec!["$".into()],
        loops: 0,
        depth_left: syntax.depth,
        depth: syntax.depth,
        templates: BTreeMap::new(),
        called: HashMap::new(),
    };
    let root = parser.root()?;
    parser.add(name.to_owned(), root)?;
    parser.templates.entry(name.to_owned()).or_default();
    Ok((parser.templates, parser.called.len()))
}

struct Parser<'a> {
    name: &'a str,
    text: &'a str,
    functions: &'a dyn Functions,
    lexer: Lexer<'a>,
    /// The tokens read so far.
    tokens: Vec<Token<'a>>,
    /// How many of them were taken.
    at: usize,
    /// Where the action began that is being read.
    action_at: Option<usize>,
    variables: Vec<Box<str>>,
    loops: usize,
    depth_left: usize,
    depth: usize,
    templates: BTreeMap<String, Vec<Node>>,
    /// The functions that are called, with their numbers.
    called: HashMap<&'a str, usize>,
}

/// What ended a list of nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Terminator {
    End,
    Else,
}

impl Terminator {
    const fn name(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node, or what ends a list of them.
enum Item {
    Node(Node),
    Terminator(Terminator),
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token<'a> {
        if self.at == self.tokens.len() {
            let token = self.lexer.next();
            self.tokens.push(token);
        }
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token.unwrap_or(Token {
            kind: TokenKind::End,
            at: self.text.len(),
            text: "",
        })
    }

    const fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    fn peek(&mut self) -> Token<'a> {
        let token = self.next();
        self.back();
        token
    }

    fn next_solid(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != TokenKind::Space {
                return token;
            }
        }
    }

    fn peek_solid(&mut self) -> Token<'a> {
        let token = self.next_solid();
        self.back();
        token
    }

    fn expect(&mut self, kind: &TokenKind, context: &str) -> Parsed<Token<'a>> {
        let token = self.next_solid();
        if token.kind == *kind {
            Ok(token)
        } else {
            Err(self.unexpected(&token, context))
        }
    }

    fn fault_at(&self, at: usize, cause: Cause) -> Error {
        Error::at(cause, self.name, self.text, at)
    }

    /// An error at the token read last.
    fn fault(&self, message: impl Into<String>) -> Error {
        let at = self.tokens.last().map_or(0, |token| token.at);
        self.fault_at(at, Cause::Syntax(message.into()))
    }

    fn unexpected(&self, token: &Token<'_>, context: &str) -> Error {
        let message = match token.kind {
            TokenKind::Error => self.lexical(self.lexer.mistake(), token.at),
            _ => format!("unexpected {} in {context}", shown(token)),
        };
        self.fault_at(token.at, Cause::Syntax(message))
    }

    /// A message of the lexer; if its action began in another line, with that line.
    fn lexical(&self, message: &str, at: usize) -> String {
        let line = |offset: usize| {
            1 + self
                .text
                .bytes()
                .take(offset)
                .filter(|byte| *byte == b'\n')
                .count()
        };
        match self.action_at.map(line) {
            Some(start) if start != line(at) => {
                let action = if message.ends_with(" action") {
                    ""
                } else {
                    " in action"
                };
                format!("{message}{action} started at {}:{start}", self.name)
            }
            _ => message.to_owned(),
        }
    }

    /// Does `inner` one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let left = self.depth_left.checked_sub(1);
        let at = self.tokens.last().map_or(0, |token| token.at);
        self.depth_left = left.ok_or_else(|| self.fault_at(at, Cause::TooDeep(self.depth)))?;
        let result = inner(self);
        self.depth_left += 1;
        result
    }

    /// Keeps a template unless it would replace one that says something.
    fn add(&mut self, name: String, body: Vec<Node>) -> Parsed<()> {
        if self.templates.get(&name).is_none_or(|known| is_blank(known)) {
            self.templates.insert(name, body);
        } else if !is_blank(&body) {
            return Err(self.fault(format!("multiple definition of template {name:?}")));
        }
        Ok(())
    }

    fn root(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().kind != TokenKind::End {
            if self.peek().kind == TokenKind::Left {
                let mark = self.at;
                self.next();
                if self.next_solid().kind == TokenKind::Keyword(Keyword::Define) {
                    self.definition()?;
                    continue;
                }
                self.at = mark;
            }
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                Item::Terminator(what) => return Err(self.fault(format!("unexpected {}", what.name()))),
            }
        }
        Ok(nodes)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(&TokenKind::Right, CONTEXT)?;
        self.separate_template(name, CONTEXT)
    }

    /// The body of a template with variables of its own.
    fn separate_template(&mut self, name: String, context: &str) -> Parsed<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.deeper(Self::list)?;
        if end != Terminator::End {
            return Err(self.fault(format!("unexpected {} in {context}", end.name())));
        }
        self.variables = variables;
        self.loops = loops;
        self.add(name, body)
    }

    fn template_name(&self, token: &Token<'_>, context: &str) -> Parsed<String> {
        match token.kind {
            TokenKind::String | TokenKind::RawString => {
                let name = literal::string(token.text).and_then(|bytes| String::from_utf8(bytes).ok());
                name.ok_or_else(|| self.fault("invalid syntax"))
            }
            _ => Err(self.unexpected(token, context)),
        }
    }

    /// Nodes up to `{{end}}` or `{{else}}`.
    fn list(&mut self) -> Parsed<(Vec<Node>, Terminator)> {
        let mut nodes = Vec::new();
        while self.peek_solid().kind != TokenKind::End {
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                Item::Terminator(what) => return Ok((nodes, what)),
            }
        }
        Err(self.fault("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        // What was taken before an action is never looked at again.
        self.tokens
            .drain(..self.at.saturating_sub(1).min(self.tokens.len()));
        self.at = self.at.min(1);
        let token = self.next_solid();
        match token.kind {
            TokenKind::Text => Ok(Item::Node(Node::Text(token.text.into()))),
            TokenKind::Left => {
                self.action_at = Some(token.at);
                let item = self.action();
                self.action_at = None;
                item
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_solid();
        let TokenKind::Keyword(keyword) = token.kind else {
            self.back();
            let pipeline = self.pipeline("command", &TokenKind::Right)?;
            return Ok(Item::Node(Node::Action(pipeline)));
        };
        Ok(Item::Node(match keyword {
            Keyword::If => Node::If(self.branch("if")?),
            Keyword::With => Node::With(self.branch("with")?),
            Keyword::Range => Node::Range(self.branch("range")?),
            Keyword::Block => self.block()?,
            Keyword::Template => self.call()?,
            Keyword::Break => self.jump(Node::Break, "{{break}}")?,
            Keyword::Continue => self.jump(Node::Continue, "{{continue}}")?,
            Keyword::End => {
                self.expect(&TokenKind::Right, "end")?;
                return Ok(Item::Terminator(Terminator::End));
            }
            Keyword::Else => return self.otherwise(),
            Keyword::Define => {
                self.back();
                let token = self.peek();
                return Err(self.unexpected(&token, "command"));
            }
        }))
    }

    fn otherwise(&mut self) -> Parsed<Item> {
        let next = self.peek_solid().kind;
        if !matches!(next, TokenKind::Keyword(Keyword::If | Keyword::With)) {
            self.expect(&TokenKind::Right, "else")?;
        }
        Ok(Item::Terminator(Terminator::Else))
    }

    fn jump(&mut self, node: Node, written: &str) -> Parsed<Node> {
        self.expect(&TokenKind::Right, written)?;
        if self.loops == 0 {
            return Err(self.fault(format!("{written} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    fn branch(&mut self, context: &'static str) -> Parsed<Branch> {
        let known = self.variables.len();
        let branch = self.deeper(|parser| parser.branch_inside(context));
        self.variables.truncate(known);
        branch
    }

    fn branch_inside(&mut self, context: &'static str) -> Parsed<Branch> {
        let pipeline = self.pipeline(context, &TokenKind::Right)?;
        let in_loop = usize::from(context == "range");
        self.loops += in_loop;
        let (body, end) = self.list()?;
        self.loops -= in_loop;
        let otherwise = match end {
            Terminator::End => Vec::new(),
            Terminator::Else => self.else_part(context)?,
        };
        Ok(Branch {
            pipeline,
            body,
            otherwise,
        })
    }

    fn else_part(&mut self, context: &'static str) -> Parsed<Vec<Node>> {
        match self.peek().kind {
            TokenKind::Keyword(Keyword::If) if context == "if" => {
                self.next();
                Ok(vec![Node::If(self.branch("if")?)])
            }
            TokenKind::Keyword(Keyword::With) if context == "with" => {
                self.next();
                Ok(vec![Node::With(self.branch("with")?)])
            }
            _ => {
                let (nodes, end) = self.list()?;
                if end != Terminator::End {
                    return Err(self.fault(format!("expected end; found {}", end.name())));
                }
                Ok(nodes)
            }
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        let argument = Some(self.pipeline(CONTEXT, &TokenKind::Right)?);
        self.separate_template(name.clone(), CONTEXT)?;
        let at = token.at;
        Ok(Node::Template(Call { at, name, argument }))
    }

    fn call(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        let argument = if self.next_solid().kind == TokenKind::Right {
            None
        } else {
            self.back();
            Some(self.pipeline(CONTEXT, &TokenKind::Right)?)
        };
        let at = token.at;
        Ok(Node::Template(Call { at, name, argument }))
    }
}

/// Whether it says nothing.
fn is_blank(nodes: &[Node]) -> bool {
    nodes
        .iter()
        .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}

/// A token in an error message.
fn shown(token: &Token<'_>) -> String {
    match token.kind {
        TokenKind::End => "EOF".to_owned(),
        TokenKind::Keyword(_) | TokenKind::Dot | TokenKind::Nil => format!("<{}>", token.text),
        _ if token.text.chars().count() > 10 => {
            let start: String = token.text.chars().take(10).collect();
            format!("{start:?}...")
        }
        _ => format!("{:?}", token.text),
    }
}
