//! Lines and blocks of a go.mod file, with the comments that belong to them.
//!
//! Comments right above a line or a block belong to it, and so does the one behind a line; a blank line parts a comment
//! from what follows.

use super::lex::{Kind, Lexer, Token};
use super::{MAX_LINES, ModError, Position};

/// What a file consists of, in the order in which it comes.
#[derive(Debug)]
pub(super) enum Statement<'a> {
    /// The start of a block, `verb (`; its lines follow.
    Block(Line<'a>),
    /// A line of the block before it.
    BlockLine(Line<'a>),
    /// A line outside blocks.
    Line(Line<'a>),
}

/// The tokens of a line, or those before a block's parenthesis.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// At least one, at most [`MAX_TOKENS`]: a line that has more is none that a directive allows.
    pub(super) tokens: Vec<&'a str>,
    pub(super) at: Position,
    /// Comments above it, `//` included; an empty one stands for a blank line within a block.
    pub(super) before: Vec<&'a str>,
    /// Comment behind it.
    pub(super) suffix: Option<&'a str>,
}

/// Tokens kept of one line.
const MAX_TOKENS: usize = 32;

/// Comment lines kept for one statement.
const MAX_COMMENTS: usize = 10_000;

/// Reads statements off a text until it ends or its syntax breaks.
pub(super) struct Statements<'a> {
    lexer: Lexer<'a>,
    /// The token that is read next.
    next: Token<'a>,
    comments: Vec<&'a str>,
    block: Option<OpenBlock>,
    lines: usize,
}

struct OpenBlock {
    at: Position,
    has_lines: bool,
}

impl<'a> Statements<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, ModError> {
        let mut lexer = Lexer::new(text);
        let next = lexer.read()?;
        Ok(Self { lexer, next, comments: Vec::new(), block: None, lines: 0 })
    }

    /// The next statement; none at the end.
    pub(super) fn read(&mut self) -> Result<Option<Statement<'a>>, ModError> {
        loop {
            let token = self.next;
            match token.kind {
                Kind::Newline => {
                    self.take()?;
                    self.blank_line();
                }
                Kind::Comment => {
                    self.take()?;
                    self.push_comment(token.text);
                }
                Kind::End => {
                    return match &self.block {
                        None => Ok(None),
                        Some(block) => {
                            Err(self.error(&token, format!("unterminated block, begun at {}", block.at)))
                        }
                    };
                }
                // Behind a block's parenthesis; belongs to nothing.
                Kind::SuffixComment if self.block.is_some() => drop(self.take()?),
                Kind::Punctuation if self.block.is_some() && token.text == ")" => self.close_block()?,
                _ => return self.line().map(Some),
            }
        }
    }

    fn take(&mut self) -> Result<Token<'a>, ModError> {
        Ok(std::mem::replace(&mut self.next, self.lexer.read()?))
    }

    fn error(&self, token: &Token<'_>, message: impl Into<String>) -> ModError {
        ModError::new(self.lexer.position(token), message)
    }

    fn push_comment(&mut self, text: &'a str) {
        if self.comments.len() < MAX_COMMENTS {
            self.comments.push(text);
        }
    }

    fn blank_line(&mut self) {
        let after_line = self.block.as_ref().is_some_and(|block| block.has_lines);
        match self.comments.last() {
            _ if self.block.is_none() => self.comments.clear(),
            Some(last) if !last.is_empty() => self.push_comment(""),
            None if after_line => self.push_comment(""),
            _ => {}
        }
    }

    fn close_block(&mut self) -> Result<(), ModError> {
        self.take()?;
        self.comments.clear();
        self.block = None;
        if !self.next.kind.ends_line() {
            return Err(self.error(&self.next, "expected the line to end after the closing parenthesis"));
        }
        self.take().map(drop)
    }

    /// Reads a line, or the start of a block; an empty block to its end.
    fn line(&mut self) -> Result<Statement<'a>, ModError> {
        let mut line = self.start_line()?;
        loop {
            let token = self.take()?;
            if token.kind.ends_line() {
                line.suffix = (token.kind == Kind::SuffixComment).then_some(token.text);
                return Ok(self.end_line(line));
            }
            line.push(token.text);
            if self.block.is_some() || !token.is("(") {
                continue;
            }
            if self.next.kind.ends_line() {
                line.tokens.pop();
                self.block = Some(OpenBlock { at: line.at, has_lines: false });
                return Ok(Statement::Block(line));
            }
            if self.next.is(")") {
                line.push(self.take()?.text);
                if self.next.kind.ends_line() {
                    self.take()?;
                    line.tokens.truncate(line.tokens.len().saturating_sub(2));
                    return Ok(Statement::Block(line));
                }
            }
        }
    }

    fn start_line(&mut self) -> Result<Line<'a>, ModError> {
        let first = self.take()?;
        let at = self.lexer.position(&first);
        self.lines += 1;
        if self.lines > MAX_LINES {
            return Err(ModError::new(at, format!("more than {MAX_LINES} lines")));
        }
        Ok(Line { tokens: vec![first.text], at, before: std::mem::take(&mut self.comments), suffix: None })
    }

    fn end_line(&mut self, line: Line<'a>) -> Statement<'a> {
        match &mut self.block {
            Some(block) => {
                block.has_lines = true;
                Statement::BlockLine(line)
            }
            None => Statement::Line(line),
        }
    }
}

impl<'a> Line<'a> {
    fn push(&mut self, token: &'a str) {
        if self.tokens.len() < MAX_TOKENS {
            self.tokens.push(token);
        }
    }
}
