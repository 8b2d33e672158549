//! The list of tools: static texts, in a fixed order, narrowed to what the caller may call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    Error, Gate, Result,
    access::Caller,
    catalogue::{self, CATALOGUE, TOOLSETS},
    operation::{Effect, Entry},
    reference,
};
use rmcp::model::{Tool, ToolAnnotations};

use super::Extension;

/// The toolset of the extension of test builds.
const CONFORMANCE: &str = "conformance";
/// Lists kept, one for each set of toolsets and permissions.
const KEPT: usize = 256;

/// The toolsets asked for in the URL.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Option<Vec<String>>);

impl Asked {
    /// `?toolsets=a,b`; unknown names and other parameters are refused.
    pub(super) fn parse(query: Option<&str>, has_extension: bool) -> Result<Self> {
        let mut asked = None;
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if name != "toolsets" || asked.is_some() {
                return Err(Error::invalid(name, "only `toolsets` is a parameter here, once"));
            }
            let names: Vec<String> = value.split(',').map(str::to_owned).collect();
            for name in &names {
                if !(catalogue::is_toolset(name) || has_extension && name == CONFORMANCE) {
                    return Err(Error::invalid("toolsets", format!("there is no toolset `{name}`"))
                        .hint(format!("choose from {}, all", TOOLSETS.join(", "))));
                }
            }
            asked = Some(names);
        }
        Ok(Self(asked))
    }
}

/// What a list depends on: permissions and toolsets.
type Listed = (u64, Vec<String>);

/// Every tool, and the lists rendered so far.
pub(super) struct Toolsets {
    product: Vec<(&'static Entry, &'static str, Tool)>,
    extension: Vec<Tool>,
    lists: Mutex<HashMap<Listed, Arc<Vec<Tool>>>>,
}

fn annotations(effect: Effect) -> ToolAnnotations {
    let (read_only, destructive, idempotent) = match effect {
        Effect::Read => (true, false, true),
        Effect::Create => (false, false, false),
        Effect::Upsert | Effect::Withdraw => (false, false, true),
        Effect::Destroy => (false, true, true),
    };
    ToolAnnotations::new().read_only(read_only).destructive(destructive).idempotent(idempotent).open_world(false)
}

impl Toolsets {
    pub(super) fn new(extension: Option<&Arc<dyn Extension>>) -> Self {
        let mut product: Vec<_> = CATALOGUE
            .iter()
            .filter_map(|entry| {
                let declared = entry.spec.tool?;
                let tool = Tool::new(declared.name, entry.spec.summary, Arc::new(reference::input_schema(entry)))
                    .with_annotations(annotations(entry.spec.effect));
                Some((entry, declared.set, tool))
            })
            .collect();
        product.sort_by_key(|(entry, set, _)| {
            (TOOLSETS.iter().position(|known| known == set), entry.spec.tool.map(|tool| tool.name))
        });
        Self { product, extension: extension.map(|one| one.tools()).unwrap_or_default(), lists: Mutex::default() }
    }

    /// The tools listed for a caller.
    pub(super) fn list(&self, gate: &Gate, caller: &Caller, asked: &Asked) -> Arc<Vec<Tool>> {
        let Some(identity) = caller.identity() else { return Arc::default() };
        let sets = asked.0.clone().or_else(|| identity.toolsets.clone());
        let sets = sets.unwrap_or_else(|| gate.app().settings().default_toolsets.clone());
        let key = (identity.permissions.bits(), sets);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(&key) {
            return Arc::clone(list);
        }
        let has = |set: &str| key.1.iter().any(|one| one == set || one == "all");
        let shown = self.product.iter().filter(|(entry, set, _)| has(set) && caller.may(entry.spec));
        let mut tools: Vec<Tool> = shown.map(|(_, _, tool)| tool.clone()).collect();
        if key.1.iter().any(|one| one == CONFORMANCE) {
            tools.extend(self.extension.iter().cloned());
        }
        let list = Arc::new(tools);
        if lists.len() >= KEPT {
            lists.clear();
        }
        lists.insert(key, Arc::clone(&list));
        list
    }
}
