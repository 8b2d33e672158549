//! Every operation there is, sorted by id. One line each.

use crate::{
    agents, audit, auth, backups, keys, memory,
    operation::{Entry, entry},
    ops, teams, transfer, workspaces,
};

/// Every operation, sorted by id.
pub static CATALOGUE: &[Entry] = &[
    entry::<agents::create::Create>(),
    entry::<agents::disable::Disable>(),
    entry::<agents::get::Get>(),
    entry::<agents::list::List>(),
    entry::<agents::update::Update>(),
    entry::<audit::list::List>(),
    entry::<audit::verify::Verify>(),
    entry::<auth::whoami::Whoami>(),
    entry::<backups::snapshot::Snapshot>(),
    entry::<transfer::export::Export>(),
    entry::<ops::health::Health>(),
    entry::<transfer::cancel::Cancel>(),
    entry::<transfer::get::Get>(),
    entry::<transfer::import::Import>(),
    entry::<keys::create::Create>(),
    entry::<keys::get::Get>(),
    entry::<keys::list::List>(),
    entry::<keys::resume::Resume>(),
    entry::<keys::revoke::Revoke>(),
    entry::<keys::rotate::Rotate>(),
    entry::<memory::cleanup::Cleanup>(),
    entry::<memory::consolidate::Consolidate>(),
    entry::<memory::create::Create>(),
    entry::<memory::create_many::CreateMany>(),
    entry::<memory::delete::Delete>(),
    entry::<memory::get::Get>(),
    entry::<memory::history::History>(),
    entry::<memory::list::List>(),
    entry::<memory::purge::Purge>(),
    entry::<memory::recall::Recall>(),
    entry::<memory::reindex::Reindex>(),
    entry::<memory::restore::Restore>(),
    entry::<memory::revert::Revert>(),
    entry::<memory::review::Review>(),
    entry::<memory::review_list::ReviewList>(),
    entry::<memory::search::Search>(),
    entry::<memory::set::Set>(),
    entry::<memory::share::Share>(),
    entry::<memory::stats::Stats>(),
    entry::<memory::undo::Undo>(),
    entry::<memory::unshare::Unshare>(),
    entry::<memory::update::Update>(),
    entry::<ops::calls::Calls>(),
    entry::<ops::docs::Docs>(),
    entry::<ops::docs_style::DocsStyle>(),
    entry::<ops::doctor::Doctor>(),
    entry::<ops::metrics::Metrics>(),
    entry::<ops::openapi::Openapi>(),
    entry::<teams::add::Add>(),
    entry::<teams::create::Create>(),
    entry::<teams::delete::Delete>(),
    entry::<teams::get::Get>(),
    entry::<teams::list::List>(),
    entry::<teams::remove::Remove>(),
    entry::<teams::update::Update>(),
    entry::<workspaces::create::Create>(),
    entry::<workspaces::list::List>(),
];

/// Toolsets, in the order their tools are listed; `all` is every one of them.
pub const TOOLSETS: &[&str] = &[
    "core",
    "memory",
    "sessions",
    "tasks",
    "workflows",
    "patterns",
    "budgets",
    "events",
    "projects",
    "terminals",
    "admin",
];

/// Whether a toolset of this name can be asked for.
#[must_use]
pub fn is_toolset(name: &str) -> bool {
    name == "all" || TOOLSETS.contains(&name)
}

/// The operation with this id.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Entry> {
    CATALOGUE.binary_search_by(|entry| entry.spec.id.cmp(id)).ok().and_then(|place| CATALOGUE.get(place))
}

/// The operation behind an MCP tool.
#[must_use]
pub fn by_tool(name: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.spec.tool.is_some_and(|tool| tool.name == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Effect, Replay};

    #[test]
    fn ids_are_sorted_and_tools_and_routes_are_unique() {
        let ids: Vec<_> = CATALOGUE.iter().map(|entry| entry.spec.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        let mut tools: Vec<_> = CATALOGUE.iter().filter_map(|entry| entry.spec.tool.map(|tool| tool.name)).collect();
        let mut routes: Vec<_> =
            CATALOGUE.iter().flat_map(|entry| entry.spec.routes).map(|route| (route.method, route.path)).collect();
        let counts = (tools.len(), routes.len());
        tools.sort_unstable();
        tools.dedup();
        routes.sort_unstable();
        routes.dedup();
        assert_eq!((tools.len(), routes.len()), counts);
    }

    #[test]
    fn specifications_keep_their_limits() {
        for entry in CATALOGUE {
            let spec = entry.spec;
            assert!(spec.summary.len() <= 240, "{}", spec.id);
            assert!(
                spec.effect == Effect::Read || spec.replay != Replay::Never || spec.id == "key.revoke",
                "{}",
                spec.id
            );
            let schema = serde_json::to_value((entry.input)()).unwrap();
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            if let Some(tool) = spec.tool {
                assert!(tool.name.len() <= 40 && is_toolset(tool.set), "{}", spec.id);
                let listed = if tool.listed.is_empty() { properties.len() } else { tool.listed.len() };
                assert!(listed <= 12, "{} lists {listed}", spec.id);
                for name in tool.listed {
                    assert!(properties.contains_key(*name), "{} has no {name}", spec.id);
                }
            }
            assert_eq!(schema["additionalProperties"], false, "{} must refuse unknown fields", spec.id);
        }
    }
}
