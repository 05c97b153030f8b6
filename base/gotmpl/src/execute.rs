//! Walks a parsed template and writes its text.

use std::sync::Arc;

use crate::ast::{Base, Command, Node, Operand, Pipe, Templates};
use crate::call::{Arguments, Meter, check_len, int_to_float};
use crate::error::Fault;
use crate::format::to_text;
use crate::{Environment, Value, functions};

/// Blocks, parentheses and templates within each other while walking.
const MAX_DEPTH: usize = 150;

pub(crate) fn execute(
    templates: &Templates,
    data: &Value,
    environment: &Environment<'_>,
) -> Result<String, Fault> {
    let mut run = Run {
        templates,
        environment,
        meter: Meter::new(),
        out: String::new(),
        variables: vec![("$".to_owned(), data.clone())],
        depth: 0,
    };
    run.nodes(&templates.main, data)?;
    Ok(run.out)
}

struct Run<'a> {
    templates: &'a Templates,
    environment: &'a Environment<'a>,
    meter: Meter,
    out: String,
    /// Innermost last.
    variables: Vec<(String, Value)>,
    depth: usize,
}

enum Flow {
    Next,
    Break,
    Continue,
}

impl Run<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Fault> {
        for node in nodes {
            match self.node(node, dot)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Fault> {
        self.spend(1, 0)?;
        match node {
            Node::Text(text) => self.write(text, 0)?,
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    let text = to_text(&value).map_err(|message| Fault::new(pipe.offset, message))?;
                    self.write(&text, pipe.offset)?;
                }
            }
            Node::If { condition, then, otherwise } => {
                return self.scoped(condition.offset, |run| {
                    let chosen = if run.pipe(condition, dot)?.is_true() { then } else { otherwise };
                    run.nodes(chosen, dot)
                });
            }
            Node::With { value, body, otherwise } => {
                return self.scoped(value.offset, |run| {
                    let value = run.pipe(value, dot)?;
                    if value.is_true() { run.nodes(body, &value) } else { run.nodes(otherwise, dot) }
                });
            }
            Node::Range { over, body, otherwise } => {
                return self.scoped(over.offset, |run| run.range(over, body, otherwise, dot));
            }
            Node::Template { name, data, offset } => self.template(name, data.as_ref(), *offset, dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn range(&mut self, over: &Pipe, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<Flow, Fault> {
        let mark = self.variables.len();
        let value = self.pipe_value(over, dot)?;
        let pairs: Box<dyn Iterator<Item = (Value, Value)>> = match value {
            Value::Nil => Box::new(std::iter::empty()),
            Value::List(list) => {
                Box::new((0..list.items.len()).map(move |index| (int(index), list.items[index].clone())))
            }
            Value::Map(map) => {
                let pairs: Vec<_> =
                    map.entries.iter().map(|(key, item)| (Value::text(key), item.clone())).collect();
                Box::new(pairs.into_iter())
            }
            Value::Int(count) => Box::new((0..count).map(|index| (Value::Int(index), Value::Int(index)))),
            other => return Err(Fault::new(over.offset, format!("range cannot go over {}", other.kind()))),
        };
        let mut none = true;
        for (index, item) in pairs {
            none = false;
            self.spend(1, over.offset)?;
            self.variables.truncate(mark);
            let values =
                if over.variables.len() == 2 { vec![index, item.clone()] } else { vec![item.clone()] };
            for (name, value) in over.variables.iter().zip(values) {
                self.bind(over, name, value)?;
            }
            if let Flow::Break = self.nodes(body, &item)? {
                break;
            }
        }
        self.variables.truncate(mark);
        if none { self.nodes(otherwise, dot) } else { Ok(Flow::Next) }
    }

    fn template(&mut self, name: &str, data: Option<&Pipe>, offset: usize, dot: &Value) -> Result<(), Fault> {
        let templates = self.templates;
        let Some(body) = templates.named.get(name) else {
            return Err(Fault::new(offset, format!("template {name:?} is not defined")));
        };
        let data = match data {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::Nil,
        };
        let outside = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        let result = self.scoped(offset, |run| run.nodes(body, &data));
        self.variables = outside;
        result.map(|_| ())
    }

    /// One level deeper; variables made there are gone afterwards.
    fn scoped<T>(
        &mut self,
        offset: usize,
        walk: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::new(
                offset,
                "templates and blocks are nested too deep; does a template call itself?",
            ));
        }
        self.depth += 1;
        let mark = self.variables.len();
        let result = walk(self);
        self.variables.truncate(mark);
        self.depth -= 1;
        result
    }

    /// The value of a pipe, also given to its variable if it has one.
    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let value = self.pipe_value(pipe, dot)?;
        if let Some(name) = pipe.variables.first() {
            self.bind(pipe, name, value.clone())?;
        }
        Ok(value)
    }

    fn pipe_value(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let mut piped = None;
        for command in &pipe.commands {
            piped = Some(self.command(command, piped, dot)?);
        }
        Ok(piped.unwrap_or_default())
    }

    fn bind(&mut self, pipe: &Pipe, name: &str, value: Value) -> Result<(), Fault> {
        if !pipe.assigns {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(Fault::new(pipe.offset, format!("variable {name} is not defined; use :="))),
        }
    }

    fn command(&mut self, command: &Command, piped: Option<Value>, dot: &Value) -> Result<Value, Fault> {
        let Some((first, rest)) = command.operands.split_first() else { return Ok(Value::Nil) };
        if let (Base::Function(name), true) = (&first.base, first.fields.is_empty()) {
            return self.call(name, first.offset, rest, piped, dot);
        }
        if !rest.is_empty() || piped.is_some() {
            return Err(Fault::new(first.offset, "only functions take arguments, and this is a value"));
        }
        self.operand(first, dot)
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        let mut value = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Literal(value) => value.clone(),
            Base::Variable(name) => match self.variables.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => value.clone(),
                None => return Err(Fault::new(operand.offset, format!("variable {name} is not defined"))),
            },
            Base::Paren(pipe) => self.scoped(operand.offset, |run| run.pipe(pipe, dot))?,
            Base::Function(name) => self.call(name, operand.offset, &[], None, dot)?,
        };
        for field in &operand.fields {
            value = match &value {
                Value::Map(map) => map.entries.get(field).cloned().unwrap_or_default(),
                other => {
                    let message = format!("cannot take .{field} of {}", other.kind());
                    return Err(Fault::new(operand.offset, message));
                }
            };
        }
        Ok(value)
    }

    fn call(
        &mut self,
        name: &str,
        offset: usize,
        operands: &[Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, Fault> {
        if matches!(name, "and" | "or") {
            return self.choose(name == "or", operands, piped, offset, dot);
        }
        let mut values = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            values.push(self.operand(operand, dot)?);
        }
        values.extend(piped);
        self.spend(1, offset)?;
        for value in &values {
            self.meter.spend_on(value).map_err(|message| Fault::new(offset, message))?;
        }
        let result =
            self.invoke(name, values).map_err(|message| Fault::new(offset, format!("{name}: {message}")))?;
        // sprig's maps change in place, so that `$_ := set $map "key" "value"` is how they are filled.
        if let ("set" | "unset", Some(Operand { base: Base::Variable(variable), fields, .. })) =
            (name, operands.first())
            && fields.is_empty()
            && let Some((_, slot)) = self.variables.iter_mut().rev().find(|(known, _)| known == variable)
        {
            *slot = result.clone();
        }
        Ok(result)
    }

    fn invoke(&self, name: &str, values: Vec<Value>) -> Result<Value, String> {
        let result = if let Some(extra) = self.environment.extra(name) {
            extra(&values)?
        } else {
            let function = functions::find(name).ok_or("not known")?;
            function.check(values.len())?;
            (function.run)(&Arguments { values, meter: &self.meter, environment: self.environment })?
        };
        if let Value::Text(text) = &result {
            check_len(text.len())?;
        }
        self.meter.spend_on(&result)?;
        Ok(result)
    }

    /// `and` and `or`, which look at no more operands than they need.
    fn choose(
        &mut self,
        stop: bool,
        operands: &[Operand],
        piped: Option<Value>,
        offset: usize,
        dot: &Value,
    ) -> Result<Value, Fault> {
        let mut value = None;
        for operand in operands {
            let next = self.operand(operand, dot)?;
            if next.is_true() == stop {
                return Ok(next);
            }
            value = Some(next);
        }
        // What is piped in is the last argument.
        piped.or(value).ok_or_else(|| Fault::new(offset, "`and` and `or` need an argument"))
    }

    fn write(&mut self, text: &str, offset: usize) -> Result<(), Fault> {
        check_len(self.out.len() + text.len()).map_err(|message| Fault::new(offset, message))?;
        self.spend(text.len() / 64, offset)?;
        self.out.push_str(text);
        Ok(())
    }

    fn spend(&self, steps: usize, offset: usize) -> Result<(), Fault> {
        self.meter.spend(steps).map_err(|message| Fault::new(offset, message))
    }
}

fn int(index: usize) -> Value {
    Value::Int(i64::try_from(index).unwrap_or(i64::MAX))
}

/// Two values in Go's order: numbers by value, text by bytes.
pub(crate) fn compare(a: &Value, b: &Value) -> Result<std::cmp::Ordering, String> {
    let unordered = || format!("cannot compare {} with {}", a.kind(), b.kind());
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Float(x), Value::Float(y)) => x.partial_cmp(y).ok_or_else(unordered),
        (Value::Int(x), Value::Float(y)) => int_to_float(*x).partial_cmp(y).ok_or_else(unordered),
        (Value::Float(x), Value::Int(y)) => x.partial_cmp(&int_to_float(*y)).ok_or_else(unordered),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        _ => Err(unordered()),
    }
}

/// Whether two values are the same. Shared parts are compared once, so the work is bounded by the meter.
pub(crate) fn same(a: &Value, b: &Value, meter: &Meter) -> Result<bool, String> {
    meter.spend(1)?;
    match (a, b) {
        (Value::List(a), Value::List(b)) => {
            if Arc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (a, b) in a.items.iter().zip(&b.items) {
                if !same(a, b, meter)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.entries.len() != b.entries.len() || !a.entries.keys().eq(b.entries.keys()) {
                return Ok(false);
            }
            for (a, b) in a.entries.values().zip(b.entries.values()) {
                if !same(a, b, meter)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::List(_) | Value::Map(_), _) | (_, Value::List(_) | Value::Map(_)) => Ok(false),
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => Ok(compare(a, b)?.is_eq()),
        _ => Ok(a == b),
    }
}
