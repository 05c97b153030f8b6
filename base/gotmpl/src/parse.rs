//! From text to a tree, without a separate lexer: inside of `{{ }}` only spaces and words separate.

use crate::Value;
use crate::ast::{Base, Command, Node, Operand, Pipe, Templates};
use crate::error::Fault;
use crate::literal;

/// Blocks and parentheses within each other.
const MAX_DEPTH: usize = 60;

pub(crate) fn parse(source: &str) -> Result<Templates, Fault> {
    let mut parser = Parser { source, at: 0, depth: 0, loops: 0, templates: Templates::default() };
    let (main, end) = parser.nodes()?;
    if let Some((word, offset)) = end {
        return Err(Fault::new(offset, format!("unexpected {{{{{word}}}}}: no block is open here")));
    }
    parser.templates.main = main;
    Ok(parser.templates)
}

struct Parser<'t> {
    source: &'t str,
    at: usize,
    depth: usize,
    loops: usize,
    templates: Templates,
}

/// The word that ended a list of nodes, `end` or `else`, and where it stands.
type End = Option<(&'static str, usize)>;

impl<'t> Parser<'t> {
    /// Nodes up to `{{end}}`, `{{else` or the end of the source.
    fn nodes(&mut self) -> Result<(Vec<Node>, End), Fault> {
        let mut nodes = Vec::new();
        loop {
            let rest = self.rest();
            let Some(open) = rest.find("{{") else {
                push_text(&mut nodes, rest);
                self.at = self.source.len();
                return Ok((nodes, None));
            };
            let start = self.at + open;
            let text = &rest[..open];
            self.at = start + 2;
            if self.rest().starts_with('-') && self.source[self.at + 1..].starts_with(is_space) {
                self.at += 1;
                push_text(&mut nodes, text.trim_end_matches(is_space));
            } else {
                push_text(&mut nodes, text);
            }
            self.skip_space();
            if self.comment(start)? {
                continue;
            }
            match self.action(start)? {
                Step::Node(node) => nodes.push(node),
                Step::Nothing => {}
                Step::End(word) => return Ok((nodes, Some((word, start)))),
            }
        }
    }

    /// Passes over `/* … */` and what closes the action.
    fn comment(&mut self, start: usize) -> Result<bool, Fault> {
        if !self.rest().starts_with("/*") {
            return Ok(false);
        }
        let Some(end) = self.rest().find("*/") else {
            return Err(Fault::new(start, "the comment is not closed; end it with */}}"));
        };
        self.at += end + 2;
        self.close("a comment")?;
        Ok(true)
    }

    fn action(&mut self, start: usize) -> Result<Step, Fault> {
        let before = self.at;
        let word = self.word();
        let step = match word {
            "if" => Step::Node(self.block(start, |condition, then, otherwise| Node::If {
                condition,
                then,
                otherwise,
            })?),
            "with" => Step::Node(self.block(start, |value, body, otherwise| Node::With {
                value,
                body,
                otherwise,
            })?),
            "range" => {
                self.loops += 1;
                let node =
                    self.block(start, |over, body, otherwise| Node::Range { over, body, otherwise })?;
                self.loops -= 1;
                Step::Node(node)
            }
            "end" => {
                self.close("end")?;
                Step::End("end")
            }
            // What follows `else` decides whether the block goes on, so the block closes the action.
            "else" => Step::End("else"),
            "define" => {
                let name = self.name("define")?;
                self.close("define")?;
                let body = self.body(start)?;
                self.templates.named.insert(name, body);
                Step::Nothing
            }
            "block" => {
                let name = self.name("block")?;
                let data = Some(self.pipe_closed()?);
                let body = self.body(start)?;
                self.templates.named.entry(name.clone()).or_insert(body);
                Step::Node(Node::Template { name, data, offset: start })
            }
            "template" => {
                let name = self.name("template")?;
                let data = if self.at_close() { None } else { Some(self.pipe()?) };
                self.close("template")?;
                Step::Node(Node::Template { name, data, offset: start })
            }
            "break" | "continue" if self.loops == 0 => {
                return Err(Fault::new(start, format!("{{{{{word}}}}} outside of {{{{range}}}}")));
            }
            "break" => {
                self.close("break")?;
                Step::Node(Node::Break)
            }
            "continue" => {
                self.close("continue")?;
                Step::Node(Node::Continue)
            }
            _ => {
                self.at = before;
                Step::Node(Node::Action(self.pipe_closed()?))
            }
        };
        Ok(step)
    }

    /// The pipe, body and else-branch of a block; `else if` and `else with` open another block in the else-branch.
    fn block(&mut self, start: usize, make: fn(Pipe, Vec<Node>, Vec<Node>) -> Node) -> Result<Node, Fault> {
        self.enter(start)?;
        let pipe = self.pipe_closed()?;
        let (body, end) = self.nodes()?;
        let otherwise = match end {
            Some(("else", offset)) => self.otherwise(offset)?,
            Some(_) => Vec::new(),
            None => return Err(not_closed(start)),
        };
        self.depth -= 1;
        Ok(make(pipe, body, otherwise))
    }

    fn otherwise(&mut self, start: usize) -> Result<Vec<Node>, Fault> {
        self.skip_space();
        match self.word() {
            "" => {
                self.close("else")?;
                let (nodes, end) = self.nodes()?;
                match end {
                    Some(("end", _)) => Ok(nodes),
                    Some((_, offset)) => Err(Fault::new(offset, "a second {{else}} in one block")),
                    None => Err(not_closed(start)),
                }
            }
            "if" => Ok(vec![self.block(start, |condition, then, otherwise| Node::If {
                condition,
                then,
                otherwise,
            })?]),
            "with" => {
                Ok(vec![self.block(start, |value, body, otherwise| Node::With { value, body, otherwise })?])
            }
            word => Err(Fault::new(self.at, format!("unexpected {word} after else"))),
        }
    }

    /// Nodes up to `{{end}}`, of a template with a name of its own.
    fn body(&mut self, start: usize) -> Result<Vec<Node>, Fault> {
        self.enter(start)?;
        let loops = std::mem::take(&mut self.loops);
        let (nodes, end) = self.nodes()?;
        self.loops = loops;
        self.depth -= 1;
        match end {
            Some(("end", _)) => Ok(nodes),
            Some((_, offset)) => Err(Fault::new(offset, "unexpected {{else}} in a template definition")),
            None => Err(not_closed(start)),
        }
    }

    fn pipe_closed(&mut self) -> Result<Pipe, Fault> {
        let pipe = self.pipe()?;
        self.close("the action")?;
        Ok(pipe)
    }

    fn pipe(&mut self) -> Result<Pipe, Fault> {
        self.skip_space();
        let offset = self.at;
        self.enter(offset)?;
        let (variables, assigns) = self.declaration();
        let mut commands = vec![self.command()?];
        while self.take("|") {
            commands.push(self.command()?);
        }
        self.depth -= 1;
        Ok(Pipe { variables, assigns, commands, offset })
    }

    /// `$x :=`, `$i, $x :=` or `$x =`; nothing, and nothing read, when it is neither.
    fn declaration(&mut self) -> (Vec<String>, bool) {
        let start = self.at;
        let mut variables = Vec::new();
        while variables.len() < 2 && self.rest().starts_with('$') {
            self.at += 1;
            variables.push(format!("${}", self.word()));
            self.skip_space();
            if self.take(":=") {
                return (variables, false);
            }
            if self.take("=") {
                return (variables, true);
            }
            if !self.take(",") {
                break;
            }
            self.skip_space();
        }
        self.at = start;
        (Vec::new(), false)
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            let rest = self.rest();
            if rest.is_empty() || rest.starts_with(['|', ')', '}']) || self.at_close() {
                break;
            }
            operands.push(self.operand()?);
            if !self.rest().is_empty() && !self.rest().starts_with(|c: char| is_space(c) || "|)}".contains(c))
            {
                return Err(self.unexpected("a space is missing before"));
            }
        }
        if operands.is_empty() {
            return Err(self.unexpected("a value or function is missing before"));
        }
        Ok(Command { operands })
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        let offset = self.at;
        let first = self.rest().chars().next().unwrap_or(' ');
        let base = match first {
            '(' => {
                self.at += 1;
                let pipe = self.pipe()?;
                self.skip_space();
                if !self.take(")") {
                    return Err(Fault::new(offset, "the parenthesis is not closed"));
                }
                Base::Paren(Box::new(pipe))
            }
            '$' => {
                self.at += 1;
                Base::Variable(format!("${}", self.word()))
            }
            '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                if !self.rest()[1..].starts_with(is_word) {
                    self.at += 1;
                }
                Base::Dot
            }
            '"' | '`' | '\'' => self.quoted(offset)?,
            '0'..='9' | '-' | '+' | '.' => self.number(offset)?,
            c if is_word(c) => match self.word() {
                "true" => Base::Literal(Value::Bool(true)),
                "false" => Base::Literal(Value::Bool(false)),
                "nil" => Base::Literal(Value::Nil),
                word => {
                    self.templates.functions.push((word.to_owned(), offset));
                    Base::Function(word.to_owned())
                }
            },
            _ => return Err(self.unexpected("unexpected")),
        };
        let mut fields = Vec::new();
        while self.rest().starts_with('.') && self.rest()[1..].starts_with(is_word) {
            self.at += 1;
            fields.push(self.word().to_owned());
        }
        Ok(Operand { base, fields, offset })
    }

    fn quoted(&mut self, offset: usize) -> Result<Base, Fault> {
        let (value, len) = literal::quoted(self.rest()).map_err(|message| Fault::new(offset, message))?;
        self.at += len;
        Ok(Base::Literal(value))
    }

    fn number(&mut self, offset: usize) -> Result<Base, Fault> {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|(at, c)| {
                !(c.is_ascii_alphanumeric() || ".+-_".contains(*c))
                    || (*at > 0 && *c == '-' && !exponent(rest, *at))
            })
            .map_or(rest.len(), |(at, _)| at);
        let value = literal::number(&rest[..end]);
        self.at += end;
        value
            .map(Base::Literal)
            .ok_or_else(|| Fault::new(offset, format!("{} is not a number", &rest[..end])))
    }

    fn name(&mut self, of: &str) -> Result<String, Fault> {
        self.skip_space();
        let offset = self.at;
        match literal::quoted(self.rest()) {
            Ok((Value::Text(name), len)) => {
                self.at += len;
                self.skip_space();
                Ok(name.to_string())
            }
            _ => Err(Fault::new(offset, format!("{of} needs a name in double quotes"))),
        }
    }

    fn at_close(&self) -> bool {
        self.rest().starts_with("}}") || self.rest().starts_with("-}}")
    }

    /// Passes over `}}`, or `-}}` and the white space after it.
    fn close(&mut self, of: &str) -> Result<(), Fault> {
        let spaced = self.rest().starts_with(is_space);
        self.skip_space();
        if self.take("}}") {
            return Ok(());
        }
        let spaced = spaced || self.source[..self.at].ends_with(is_space);
        if spaced && self.take("-}}") {
            self.skip_space();
            return Ok(());
        }
        if self.rest().is_empty() {
            return Err(Fault::new(self.at, format!("the text ends before {of} is closed by }}}}")));
        }
        Err(self.unexpected("expected }} before"))
    }

    fn unexpected(&self, message: &str) -> Fault {
        let what: String = self.rest().chars().take(12).take_while(|c| *c != '\n').collect();
        Fault::new(
            self.at,
            if what.is_empty() {
                format!("{message} the end of the text")
            } else {
                format!("{message} `{what}`")
            },
        )
    }

    fn enter(&mut self, offset: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(offset, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn rest(&self) -> &'t str {
        &self.source[self.at..]
    }

    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        self.at += if there { token.len() } else { 0 };
        there
    }

    fn skip_space(&mut self) {
        self.at = self.source.len() - self.rest().trim_start_matches(is_space).len();
    }
}

enum Step {
    Node(Node),
    Nothing,
    End(&'static str),
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(text.to_owned()));
    }
}

fn not_closed(start: usize) -> Fault {
    Fault::new(start, "the block is not closed; add {{end}}")
}

/// Whether the sign at `at` follows the `e` of an exponent.
fn exponent(text: &str, at: usize) -> bool {
    text[..at].ends_with(['e', 'E', 'p', 'P'])
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
