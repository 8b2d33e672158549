//! Joins lines of one entity into one, as the reference MCP memory server wants its file: it looks an entity up by name and
//! reads the first line that has it. The whole of the graph is held in memory, as that server holds it.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

/// Entities and relations in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    entities: Vec<(String, String, Vec<String>)>,
    places: HashMap<(String, String), usize>,
    observed: HashSet<(usize, String)>,
    relations: Vec<String>,
    related: HashSet<String>,
}

impl Graph {
    /// Takes one line of an export in.
    pub(crate) fn add(&mut self, line: &str) {
        let read: Value = serde_json::from_str(line).unwrap_or_default();
        let part = |name: &str| read.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if part("type") == "relation" {
            if self.related.insert(line.to_owned()) {
                self.relations.push(line.to_owned());
            }
            return;
        }
        let named = (part("name"), part("entityType"));
        let place = *self.places.entry(named).or_insert_with_key(|(name, entity_type)| {
            self.entities.push((name.clone(), entity_type.clone(), Vec::new()));
            self.entities.len() - 1
        });
        for observation in read.get("observations").and_then(Value::as_array).into_iter().flatten() {
            let text = observation.as_str().unwrap_or_default().to_owned();
            if self.observed.insert((place, text.clone()))
                && let Some((_, _, observations)) = self.entities.get_mut(place)
            {
                observations.push(text);
            }
        }
    }

    /// The lines of the file, entities first.
    pub(crate) fn lines(self) -> impl Iterator<Item = String> {
        let entities = self.entities.into_iter().map(|(name, entity_type, observations)| {
            json!({"type": "entity", "name": name, "entityType": entity_type, "observations": observations}).to_string()
        });
        entities.chain(self.relations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entity_is_one_line() {
        let mut graph = Graph::default();
        let entity = |name: &str, observations: &[&str]| {
            json!({"type": "entity", "name": name, "entityType": "t", "observations": observations}).to_string()
        };
        let relation = json!({"type": "relation", "from": "a", "to": "b", "relationType": "r"}).to_string();
        for line in
            [entity("a", &["1"]), relation.clone(), entity("b", &[]), entity("a", &["2", "1"]), relation.clone()]
        {
            graph.add(&line);
        }
        assert_eq!(graph.lines().collect::<Vec<_>>(), [entity("a", &["1", "2"]), entity("b", &[]), relation]);
    }
}
