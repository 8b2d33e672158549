//! What somebody sees: every reading surface against the model's one predicate.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    hall::{Checked, Hall, access, everybody, moment, same, trust},
    histories::{Filter, Look, Sort},
    world::{DAY, Row, Trust, workspace},
};

type Ids = BTreeSet<String>;

fn ids<'v>(items: impl IntoIterator<Item = &'v Value>) -> Vec<String> {
    items.into_iter().filter_map(|item| item["id"].as_str()).map(str::to_owned).collect()
}

impl Filter {
    fn passes(&self, row: &Row, now: i64) -> bool {
        let state = &row.now;
        let key = state.key.as_deref().unwrap_or_default();
        self.labelled(row)
            && self.trust.map_or(state.trust != Trust::Quarantined, |wanted| state.trust == wanted)
            && self.prefix.is_none_or(|prefix| key.starts_with(prefix))
            && self.changed_within.is_none_or(|span| state.updated_at > now - span)
    }

    fn labelled(&self, row: &Row) -> bool {
        let state = &row.now;
        self.owner.is_none_or(|owner| row.owner == owner)
            && self.access.is_none_or(|access| state.access == access)
            && self.kind.is_none_or(|kind| state.kind == kind)
            && self.project.is_none_or(|project| state.project == Some(project))
            && self.tag.is_none_or(|tag| state.tags.contains(&tag))
    }
}

impl Hall<'_> {
    fn rows(&self, wanted: impl Fn(&Row) -> bool) -> Vec<&Row> {
        self.world.rows.iter().filter(|row| wanted(row)).collect()
    }

    /// Looks at one of everything.
    pub(crate) async fn look(&self, look: &Look) -> Checked {
        self.by_key(look).await?;
        self.list(look).await?;
        self.find_common(look).await?;
        if let Some(at) = self.world.pick(look.row) {
            self.get(look.viewer, at).await?;
            self.find_word(look.viewer, at).await?;
            self.history(look.viewer, at).await?;
        }
        self.stats(look.viewer, "own").await?;
        self.stats(look.viewer, "visible").await
    }

    async fn get(&self, viewer: usize, at: usize) -> Checked {
        let row = &self.world.rows[at];
        let product = self.ask(viewer, "memory.get", json!({ "id": row.id })).await;
        if !self.world.sees(viewer, row) {
            return same(|| format!("{viewer} gets row {at}"), &product.map(drop), &Err("not_found".into()));
        }
        let item = product.map_err(|code| format!("{viewer} gets {code} for row {at}, which is visible"))?;
        self.shown(at, &item).map_err(|difference| format!("{viewer} gets row {at}: {difference}"))
    }

    async fn by_key(&self, look: &Look) -> Checked {
        let found = self.world.keyed(look.owner, look.key);
        let found = found.filter(|at| self.world.sees(look.viewer, &self.world.rows[*at]));
        let input = json!({"key": look.key, "owner": self.person(look.owner)});
        let product = self.ask(look.viewer, "memory.get", input).await;
        let model = found.map(|at| self.world.rows[at].id.clone()).ok_or("not_found".to_owned());
        let product = product.map(|item| item["id"].as_str().unwrap_or_default().to_owned());
        same(|| format!("{} gets {} of {}", look.viewer, look.key, look.owner), &product, &model)
    }

    async fn list(&self, look: &Look) -> Checked {
        let world = &self.world;
        let mut model = self.rows(|row| world.sees(look.viewer, row) && look.filter.passes(row, world.now));
        model.sort_by(|left, right| match look.sort {
            Sort::Updated => (right.now.updated_at, &right.id).cmp(&(left.now.updated_at, &left.id)),
            Sort::Created => (right.created_at, &right.id).cmp(&(left.created_at, &left.id)),
            Sort::Key => (left.now.key.as_deref().unwrap_or_default(), &left.id)
                .cmp(&(right.now.key.as_deref().unwrap_or_default(), &right.id)),
        });
        let model: Vec<_> = model.into_iter().map(|row| row.id.clone()).collect();
        let mut input = self.narrowed(look);
        let mut product = Vec::new();
        let what = || format!("{} lists with {:?} by {:?}", look.viewer, look.filter, look.sort);
        loop {
            let page = self.ask(look.viewer, "memory.list", Value::Object(input.clone())).await;
            let page = page.map_err(|code| format!("{}: {code}", what()))?;
            same(|| format!("{}, count", what()), &page["total"], &json!(model.len()))?;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            same(|| "rows of a page".into(), &(items.len() <= look.limit), &true)?;
            product.extend(ids(&items));
            if page["next_cursor"].is_null() || product.len() > model.len() {
                break;
            }
            input.insert("cursor".into(), page["next_cursor"].clone());
        }
        same(what, &product, &model)
    }

    fn narrowed(&self, look: &Look) -> Map<String, Value> {
        let filter = &look.filter;
        let sort = match look.sort {
            Sort::Updated => "updated",
            Sort::Created => "created",
            Sort::Key => "key",
        };
        let tags = if filter.all_tags { "tags_all" } else { "tags_any" };
        let wanted = [
            ("owner", filter.owner.map(|owner| json!(self.person(owner)))),
            ("access", filter.access.map(|wanted| json!(access(wanted)))),
            ("trust", filter.trust.map(|wanted| json!(trust(wanted)))),
            ("prefix", filter.prefix.map(|prefix| json!(prefix))),
            ("kind", filter.kind.map(|kind| json!(kind))),
            ("project", filter.project.map(|project| json!(project))),
            (tags, filter.tag.map(|tag| json!([tag]))),
            ("updated_after", filter.changed_within.map(|span| moment(self.world.now - span))),
            ("sort", Some(json!(sort))),
            ("limit", Some(json!(look.limit))),
            ("count", Some(json!(true))),
        ];
        wanted.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    async fn search(&self, viewer: usize, query: &str, mut input: Map<String, Value>) -> Result<Ids, String> {
        input.insert("query".into(), json!(query));
        input.insert("limit".into(), json!(100));
        input.insert("typo".into(), json!(false));
        let found = self.ask(viewer, "memory.search", Value::Object(input)).await?;
        Ok(ids(found["items"].as_array().into_iter().flatten().map(|item| &item["memory"])).into_iter().collect())
    }

    async fn find_common(&self, look: &Look) -> Checked {
        let (filter, viewer) = (&look.filter, look.viewer);
        let tags = if filter.all_tags { "tags_all" } else { "tags_any" };
        let is_trusted = filter.trust == Some(Trust::Trusted);
        let wanted = [
            ("owners", filter.owner.map(|owner| json!([self.person(owner)]))),
            ("access", filter.access.map(|wanted| json!(access(wanted)))),
            ("min_trust", is_trusted.then(|| json!("trusted"))),
            ("kinds", filter.kind.map(|kind| json!([kind]))),
            ("project", filter.project.map(|project| json!(project))),
            (tags, filter.tag.map(|tag| json!([tag]))),
            ("updated_after", filter.changed_within.map(|span| moment(self.world.now - span))),
            ("include_superseded", Some(json!(filter.with_superseded))),
        ];
        let input = wanted.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let product = self.search(viewer, "common", input).await?;
        let world = &self.world;
        let model = self.rows(|row| {
            world.finds(viewer, row, filter.with_superseded)
                && filter.labelled(row)
                && filter.changed_within.is_none_or(|span| row.now.updated_at > world.now - span)
                && (!is_trusted || row.now.trust == Trust::Trusted)
        });
        let model: Ids = model.into_iter().map(|row| row.id.clone()).collect();
        same(|| format!("{viewer} searches with {filter:?}"), &product, &model)
    }

    /// The word that only one text, and what was merged from it, has.
    async fn find_word(&self, viewer: usize, at: usize) -> Checked {
        let word = |line: &String| line.split(['"', ' ']).find(|word| word.starts_with("zq")).map(str::to_owned);
        let Some(wanted) = self.world.rows[at].now.text.lines.first().and_then(word) else { return Ok(()) };
        let product = self.search(viewer, &wanted, Map::new()).await?;
        let holds = |row: &Row| row.now.text.lines.iter().any(|line| word(line).as_ref() == Some(&wanted));
        let model = self.rows(|row| self.world.finds(viewer, row, false) && holds(row));
        let model: Ids = model.into_iter().map(|row| row.id.clone()).collect();
        same(|| format!("{viewer} searches for {wanted}"), &product, &model)
    }

    async fn history(&self, viewer: usize, at: usize) -> Checked {
        let row = &self.world.rows[at];
        let product = self.ask(viewer, "memory.history", json!({"id": row.id, "limit": 200})).await;
        let (product, model) = match (product, self.world.history(viewer, row)) {
            (Ok(product), Ok(model)) => (product, model),
            (product, model) => {
                let model = model.map(drop).map_err(str::to_owned);
                return same(|| format!("{viewer} reads the history of row {at}"), &product.map(drop), &model);
            }
        };
        let items = product["items"].as_array().cloned().unwrap_or_default();
        same(|| format!("versions of row {at}"), &items.len(), &model.len())?;
        for (item, state) in items.iter().zip(&model) {
            same(|| "by".into(), &item["by"], &json!(self.person(state.by)))?;
            same(|| "change".into(), &item["change"], &json!(state.change))?;
            same(|| "at".into(), &item["at"], &moment(state.updated_at))?;
            self.state(state, item).map_err(|difference| format!("history of row {at}: {difference}"))?;
        }
        Ok(())
    }

    async fn stats(&self, viewer: usize, of: &str) -> Checked {
        let world = &self.world;
        let product = self.ask(viewer, "memory.stats", json!({ "of": of })).await?;
        let counted = self.rows(|row| world.sees(viewer, row) && (of == "visible" || row.owner == viewer));
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for row in &counted {
            let state = &row.now;
            let sorts = [
                ("by_kind", state.kind),
                ("by_access", access(state.access)),
                ("by_trust", trust(state.trust)),
                ("by_layer", state.layer.unwrap_or("none")),
            ];
            for sort in sorts {
                *sums.entry(sort).or_default() += 1;
            }
        }
        let ends_soon = |row: &&&Row| row.now.expires_at.is_some_and(|end| end <= world.now + DAY);
        let mut model = json!({
            "total": counted.len(),
            "bytes": counted.iter().map(|row| row.now.text.bytes).sum::<i64>(),
            "expiring_24h": counted.iter().filter(ends_soon).count(),
            "by_kind": {}, "by_access": {}, "by_trust": {}, "by_layer": {},
        });
        for ((name, sort), count) in sums {
            model[name][sort] = json!(count);
        }
        let mut newest = counted;
        newest.retain(|row| row.now.trust != Trust::Quarantined);
        newest.sort_by(|left, right| (right.now.updated_at, &right.id).cmp(&(left.now.updated_at, &left.id)));
        model["recent"] = newest.iter().take(5).map(|row| json!(row.id)).collect();
        for (name, wanted) in model.as_object().into_iter().flatten() {
            same(|| format!("{viewer}'s stats of {of}, {name}"), &product[name], wanted)?;
        }
        Ok(())
    }

    /// Every row by its id, every list and every search show one set, for everybody, modulo what §5.5 and §3.7 hide.
    pub(crate) async fn agree(&self) -> Checked {
        for viewer in everybody() {
            for at in 0..self.world.rows.len() {
                self.get(viewer, at).await?;
            }
            let listed = self.ask(viewer, "memory.list", json!({ "limit": 200 })).await?;
            let listed: Ids = ids(listed["items"].as_array().into_iter().flatten()).into_iter().collect();
            let seen =
                self.rows(|row| self.world.finds(viewer, row, true) && workspace(row.owner) == workspace(viewer));
            let seen: Ids = seen.into_iter().map(|row| row.id.clone()).collect();
            same(|| format!("{viewer} lists"), &listed, &seen)?;
            let everything = Map::from_iter([("include_superseded".to_owned(), json!(true))]);
            same(|| format!("{viewer} finds"), &self.search(viewer, "common", everything).await?, &seen)?;
        }
        Ok(())
    }
}
