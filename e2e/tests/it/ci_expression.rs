//! Expressions of GitHub Actions, as far as `action.yml` uses them: contexts, `==`, `!=`, `!`, `&&`, `||`, texts and status
//! functions. As there, texts compare without case, `&&` and `||` give one of their operands, and what does not exist is empty.

#![expect(clippy::panic, reason = "an expression that is not understood must fail the test")]

use std::collections::BTreeMap;

/// What names stand for: `inputs.url`, `steps.bash.outputs.verdict`, `runner.os`.
pub(crate) type Contexts = BTreeMap<String, String>;

/// Replaces every `${{ … }}` of a text.
pub(crate) fn fill(text: &str, contexts: &Contexts) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").expect("an expression ends");
        out += before;
        out += &evaluate(expression, contexts, true).text();
        rest = after;
    }
    out + rest
}

/// Whether a step runs. A condition without a status function holds only while no step has failed.
pub(crate) fn holds(condition: &str, contexts: &Contexts, succeeded: bool) -> bool {
    let inner = condition.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    let condition = inner.unwrap_or(condition);
    let speaks_of_status =
        ["success()", "failure()", "always()"].iter().any(|function| condition.contains(function));
    let value = condition.trim().is_empty() || evaluate(condition, contexts, succeeded).is_true();
    value && (succeeded || speaks_of_status)
}

fn evaluate(expression: &str, contexts: &Contexts, succeeded: bool) -> Value {
    let mut parser = Parser { tokens: tokens(expression), at: 0, contexts, succeeded };
    let value = parser.either();
    assert_eq!(parser.at, parser.tokens.len(), "something is left of `{expression}`");
    value
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Bool(bool),
    Text(String),
}

impl Value {
    fn is_true(&self) -> bool {
        match self {
            Value::Bool(value) => *value,
            Value::Text(text) => !text.is_empty(),
        }
    }

    fn text(&self) -> String {
        match self {
            Value::Bool(value) => value.to_string(),
            Value::Text(text) => text.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Sign(&'static str),
}

fn tokens(mut rest: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return tokens };
        if first == '\'' {
            let (text, after) = quoted(&rest[1..]);
            tokens.push(Token::Text(text));
            rest = after;
        } else if first.is_alphanumeric() || first == '_' {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..end].to_lowercase()));
            rest = &rest[end..];
        } else {
            let signs = ["==", "!=", "&&", "||", "!", "(", ")"];
            let sign = signs.into_iter().find(|sign| rest.starts_with(sign)).expect("a known sign");
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
    }
}

/// A text whose first quote is gone; `''` is a quote in it.
fn quoted(mut rest: &str) -> (String, &str) {
    let mut text = String::new();
    loop {
        let (part, after) = rest.split_once('\'').expect("a text ends");
        text += part;
        match after.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => return (text, after),
        }
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    contexts: &'a Contexts,
    succeeded: bool,
}

impl Parser<'_> {
    fn either(&mut self) -> Value {
        let mut left = self.both();
        while self.takes("||") {
            let right = self.both();
            left = if left.is_true() { left } else { right };
        }
        left
    }

    fn both(&mut self) -> Value {
        let mut left = self.compared();
        while self.takes("&&") {
            let right = self.compared();
            left = if left.is_true() { right } else { left };
        }
        left
    }

    fn compared(&mut self) -> Value {
        let left = self.single();
        for (sign, wanted) in [("==", true), ("!=", false)] {
            if self.takes(sign) {
                let right = self.single();
                let equal = left.text().to_lowercase() == right.text().to_lowercase();
                return Value::Bool(equal == wanted);
            }
        }
        left
    }

    fn single(&mut self) -> Value {
        if self.takes("!") {
            return Value::Bool(!self.single().is_true());
        }
        if self.takes("(") {
            let value = self.either();
            assert!(self.takes(")"), "a parenthesis is open");
            return value;
        }
        let token = self.tokens.get(self.at).cloned().expect("an expression goes on");
        self.at += 1;
        match token {
            Token::Text(text) => Value::Text(text),
            Token::Name(name) if self.takes("(") => {
                assert!(self.takes(")"), "{name} takes arguments");
                self.function(&name)
            }
            Token::Name(name) if name == "true" || name == "false" => Value::Bool(name == "true"),
            Token::Name(name) => Value::Text(self.contexts.get(&name).cloned().unwrap_or_default()),
            Token::Sign(sign) => panic!("{sign} is no value"),
        }
    }

    fn function(&self, name: &str) -> Value {
        match name {
            "always" => Value::Bool(true),
            "success" => Value::Bool(self.succeeded),
            "failure" => Value::Bool(!self.succeeded),
            other => panic!("the function {other} is not known here"),
        }
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(is_next);
        is_next
    }
}

#[test]
fn expressions_mean_what_they_mean_to_the_runner() {
    let contexts = Contexts::from([
        ("runner.os".to_owned(), "Linux".to_owned()),
        ("inputs.go-sum".to_owned(), "it's".to_owned()),
    ]);
    for (text, expected) in [
        ("a ${{ inputs.go-sum }} b", "a it's b"),
        ("${{ inputs.none || runner.os }}", "Linux"),
        ("${{ inputs.none && runner.os }}", ""),
        ("${{ runner.os == 'linux' }}", "true"),
        ("${{ !(runner.os != 'Linux') && 'it''s' }}", "it's"),
    ] {
        assert_eq!(fill(text, &contexts), expected, "{text}");
    }
    assert!(holds("runner.os != 'Windows'", &contexts, true));
    assert!(!holds("runner.os != 'Windows'", &contexts, false), "a step failed before");
    assert!(holds("always() && runner.os == 'Linux'", &contexts, false));
    assert!(holds("failure()", &contexts, false) && !holds("failure()", &contexts, true));
    assert!(holds("", &contexts, true));
}
