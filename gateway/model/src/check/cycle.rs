//! Services, and chains of middlewares, that lead back to themselves.

use std::collections::HashMap;

use super::{Check, Subject, reference};
use crate::codes;
use crate::dynamic::{Object, Objects, TcpService, UdpService};

pub(super) fn check(check: &mut Check<'_>) {
    let merged = check.merged;
    let http = edges(&merged.http.services, |name, object| {
        object
            .value
            .kind
            .services()
            .into_iter()
            .map(|(child, _)| reference(child, name).into_owned())
            .collect()
    });
    check.cycles("service", &http, &merged.http.services);
    let tcp = edges(&merged.tcp.services, |name, object| match &object.value {
        TcpService::LoadBalancer(_) => Vec::new(),
        TcpService::Weighted(weighted) => {
            weighted.services.iter().map(|child| reference(&child.name, name).into_owned()).collect()
        }
    });
    check.cycles("tcp service", &tcp, &merged.tcp.services);
    let udp = edges(&merged.udp.services, |name, object| match &object.value {
        UdpService::LoadBalancer(_) => Vec::new(),
        UdpService::Weighted(weighted) => {
            weighted.services.iter().map(|child| reference(&child.name, name).into_owned()).collect()
        }
    });
    check.cycles("udp service", &udp, &merged.udp.services);
    let chains = edges(&merged.http.middlewares, |name, object| match object.value.is("chain") {
        true => object
            .value
            .names("middlewares")
            .into_iter()
            .map(|(child, _)| reference(child, name).into_owned())
            .collect(),
        false => Vec::new(),
    });
    check.cycles("middleware", &chains, &merged.http.middlewares);
}

/// For each object, the indices of those it refers to.
fn edges<T>(objects: &Objects<T>, children: impl Fn(&str, &Object<T>) -> Vec<String>) -> Vec<Vec<usize>> {
    let children = objects.iter().map(|(name, object)| children(name, object));
    children
        .map(|names| names.iter().filter_map(|name| objects.get_index_of(name.as_str())).collect())
        .collect()
}

impl Check<'_> {
    fn cycles<T>(&mut self, kind: &'static str, edges: &[Vec<usize>], objects: &Objects<T>) {
        for cycle in find_cycles(edges) {
            let names: Vec<&str> =
                cycle.iter().filter_map(|&at| objects.get_index(at)).map(|(name, _)| &**name).collect();
            let Some((_, first)) = cycle.first().and_then(|&at| objects.get_index(at)) else { continue };
            let way = [&names[..], &names[..1]].concat().join("->");
            let message = format!("could not instantiate {kind} {}: recursion detected in {way}", names[0]);
            self.push(&codes::CYCLE, message, Subject { kind, name: names[0] }, &first.origin);
        }
    }
}

/// One cycle for each edge that leads back, found depth first without recursion: linear in nodes and edges.
fn find_cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut cycles = Vec::new();
    let mut done = vec![false; edges.len()];
    for start in 0..edges.len() {
        if done[start] {
            continue;
        }
        let mut way = vec![(start, 0)];
        let mut on_way = HashMap::from([(start, 0)]);
        while let Some((node, next)) = way.last_mut() {
            let Some(&child) = edges[*node].get(*next) else {
                done[*node] = true;
                on_way.remove(node);
                way.pop();
                continue;
            };
            *next += 1;
            if let Some(&at) = on_way.get(&child) {
                cycles.push(way[at..].iter().map(|(node, _)| *node).collect());
            } else if !done[child] {
                on_way.insert(child, way.len());
                way.push((child, 0));
            }
        }
    }
    cycles
}

#[cfg(test)]
mod tests {
    use super::find_cycles;

    #[test]
    fn finds_each_way_back() {
        assert_eq!(find_cycles(&[vec![1], vec![2], vec![]]), Vec::<Vec<usize>>::new());
        assert_eq!(find_cycles(&[vec![0]]), [vec![0]]);
        assert_eq!(find_cycles(&[vec![1], vec![2], vec![1]]), [vec![1, 2]]);
        // A diamond is no cycle.
        assert_eq!(find_cycles(&[vec![1, 2], vec![3], vec![3], vec![]]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn long_ways_do_not_exhaust_the_stack() {
        let mut edges: Vec<Vec<usize>> = (1..=100_000).map(|next| vec![next]).collect();
        edges.push(vec![0]);
        assert_eq!(find_cycles(&edges)[0].len(), 100_001);
    }
}
