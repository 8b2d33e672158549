//! The product beside the model: one command is a call through the gate, and its answer is held against the model's.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use testkit::{Agent, TestApp};
use types::Timestamp;

use crate::{
    histories::{Audience, Body, Command, Decision, Draft, Expected, GRANTEE, Life, OWNER, Patch},
    rules::{Answer, wording},
    world::{Access, Grantee, PEOPLE, Right, State, TEAMS, Trust, World},
};

/// What differs, in words.
pub(crate) type Checked = Result<(), String>;

/// A history ends early rather than outlive its callers' keys.
const LONGEST_MICROS: i64 = 300 * 86_400_000_000;

/// Two fresh workspaces of one server, with their people and teams.
pub(crate) struct Hall<'a> {
    pub(crate) app: &'a TestApp,
    place: String,
    people: Vec<Agent>,
    teams: Vec<String>,
    began: i64,
    pub(crate) world: World,
    /// How often each operation ended how.
    pub(crate) tally: BTreeMap<String, usize>,
}

pub(crate) fn access(access: Access) -> &'static str {
    match access {
        Access::Private => "private",
        Access::Shared => "shared",
        Access::Team => "team",
        Access::Public => "public",
        Access::System => "system",
    }
}

pub(crate) fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::Quarantined => "quarantined",
        Trust::Unreviewed => "unreviewed",
        Trust::Trusted => "trusted",
    }
}

fn right(right: Right) -> &'static str {
    match right {
        Right::Read => "read",
        Right::Write => "write",
        Right::Delete => "delete",
    }
}

pub(crate) fn moment(micros: i64) -> Value {
    json!(Timestamp::from_micros(micros))
}

/// Says what differs.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: impl FnOnce() -> String, product: &T, model: &T) -> Checked {
    if product == model {
        Ok(())
    } else {
        Err(format!("{}: the product says {product:?}, the model {model:?}", what()))
    }
}

fn object(input: Value) -> Map<String, Value> {
    match input {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl<'a> Hall<'a> {
    pub(crate) async fn open(app: &'a TestApp, number: u32) -> Hall<'a> {
        let places = [format!("a{number}"), format!("b{number}")];
        for place in &places {
            app.call_as_owner("default", "workspace.create", &json!({ "slug": place })).await.unwrap();
        }
        let roles = ["reader", "agent", "agent", "operator", "agent", "operator"];
        let mut people = Vec::new();
        for (person, role) in roles.into_iter().enumerate() {
            let place = &places[crate::world::workspace(person)];
            let grants = if crate::world::manages(person) { json!(["memory:manage"]) } else { json!([]) };
            let agent = json!({"name": format!("p{person}"), "role": role, "grants": grants});
            let agent = app.call_as_owner(place, "agent.create", &agent).await.unwrap();
            let id = agent["id"].as_str().unwrap().to_owned();
            let key = json!({"label": "model", "principal": id, "expires_in": 31_536_000});
            let key = app.call_as_owner(place, "key.create", &key).await.unwrap();
            let key_id = key["key"]["id"].as_str().unwrap().to_owned();
            people.push(Agent { id, key: key["api_key"].as_str().unwrap().to_owned(), key_id });
        }
        let mut teams = Vec::new();
        for team in 0..TEAMS {
            let team =
                app.call_as_owner(&places[0], "team.create", &json!({"name": format!("t{team}")})).await.unwrap();
            teams.push(team["id"].as_str().unwrap().to_owned());
        }
        let began = app.gate.app().now().micros();
        let world = World { now: began, rows: Vec::new(), members: Default::default(), texts: 0 };
        let [place, _] = places;
        let mut hall = Self { app, place, people, teams, began, world, tally: BTreeMap::new() };
        for (person, team) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
            hall.step(&Command::Join { person, team }).await.unwrap();
        }
        hall
    }

    pub(crate) async fn ask(&self, who: usize, operation: &str, input: Value) -> Result<Value, String> {
        let answer = self.app.call_as(&self.people[who], operation, &input).await;
        answer.map_err(|error| error.code().as_str().to_owned())
    }

    pub(crate) fn person(&self, person: usize) -> &str {
        &self.people[person].id
    }

    fn grantee(&self, to: Grantee) -> &str {
        match to {
            Grantee::Person(person) => self.person(person),
            Grantee::Team(team) => &self.teams[team],
        }
    }

    fn heard(&self, input: &mut Map<String, Value>, audience: Option<Audience>) {
        let Some(audience) = audience else { return };
        input.insert("access".into(), json!(access(audience.access)));
        if audience.access == Access::Team {
            input.insert("team_id".into(), json!(self.teams[audience.team]));
        }
    }

    fn written(input: &mut Map<String, Value>, body: Body, n: usize) {
        let text = wording(body, n);
        match body {
            Body::Value => input.insert("value".into(), json!({ "note": text })),
            Body::Plain | Body::Order | Body::Poison => input.insert("content".into(), json!(text)),
        };
    }

    fn lived(input: &mut Map<String, Value>, life: Option<Life>) {
        match life {
            None => None,
            Some(Life::Secs(secs)) => input.insert("expires_in".into(), json!(secs)),
            Some(Life::Layer(layer)) => input.insert("layer".into(), json!(layer)),
        };
    }

    /// What is sent for the text number `n`.
    fn drafted(&self, draft: &Draft, n: usize) -> Map<String, Value> {
        let mut input = object(json!({ "tags": draft.tags }));
        Self::written(&mut input, draft.body, n);
        Self::lived(&mut input, draft.life);
        self.heard(&mut input, draft.audience);
        let labels = [("key", draft.key), ("kind", draft.kind), ("project", draft.project)];
        for (name, label) in labels {
            if let Some(label) = label {
                input.insert(name.into(), json!(label));
            }
        }
        if let Some(importance) = draft.importance {
            input.insert("importance".into(), json!(importance));
        }
        input
    }

    fn patched(&self, patch: &Patch) -> Map<String, Value> {
        let mut input = Map::new();
        if let Some(body) = patch.body {
            Self::written(&mut input, body, self.world.texts);
        }
        Self::lived(&mut input, patch.life);
        self.heard(&mut input, patch.audience);
        let changed = [
            ("key", patch.key.map(|key| json!(key))),
            ("kind", patch.kind.map(|kind| json!(kind))),
            ("tags", patch.tags.as_ref().map(|tags| json!(tags))),
            ("importance", patch.importance.map(|importance| json!(importance))),
            ("project", patch.project.map(|project| json!(project))),
        ];
        for (name, value) in changed {
            if let Some(value) = value {
                input.insert(name.into(), value);
            }
        }
        input
    }

    fn at_version(&self, mut input: Map<String, Value>, at: Option<usize>, expected: Expected) -> Value {
        let version = at.map_or(1, |at| self.world.rows[at].now.version);
        match expected {
            Expected::Any => None,
            Expected::Present => input.insert("expected_version".into(), json!(version)),
            Expected::Outdated => input.insert("expected_version".into(), json!(version - 1)),
        };
        Value::Object(input)
    }

    /// Who calls which operation with which input; none when there is no row it could be about.
    fn call(&self, command: &Command) -> Option<(usize, &'static str, Value)> {
        let world = &self.world;
        let row = |number: usize| world.pick(number);
        let id = |at: usize| json!({ "id": world.rows[at].id });
        let reason = "the model wants it";
        Some(match command {
            Command::Create { who, draft } => (*who, "memory.create", Value::Object(self.drafted(draft, world.texts))),
            Command::CreateMany { who, drafts } => {
                let items = drafts.iter().enumerate().map(|(n, draft)| self.drafted(draft, world.texts + n));
                (*who, "memory.create_many", json!({ "items": items.collect::<Vec<_>>() }))
            }
            Command::Set { who, owner, key, draft, overwrite, expected } => {
                let mut input = self.drafted(&Draft { kind: None, importance: None, ..draft.clone() }, world.texts);
                input.insert("key".into(), json!(key));
                input.insert("overwrite".into(), json!(overwrite));
                if let Some(owner) = owner {
                    input.insert("owner".into(), json!(self.person(*owner)));
                }
                let found = world.keyed(owner.unwrap_or(*who), key);
                (*who, "memory.set", self.at_version(input, found, *expected))
            }
            Command::Update { who, row: number, patch, expected } => {
                let at = row(*number)?;
                let mut input = self.patched(patch);
                input.insert("id".into(), json!(world.rows[at].id));
                (*who, "memory.update", self.at_version(input, Some(at), *expected))
            }
            Command::Hammer { who, row: number, .. } => {
                (*who, "memory.update", json!({"id": world.rows[row(*number)?].id, "importance": 0.7}))
            }
            Command::Delete { who, row: number, expected } => {
                let at = row(*number)?;
                (*who, "memory.delete", self.at_version(object(id(at)), Some(at), *expected))
            }
            Command::Restore { who, row: number } => (*who, "memory.restore", id(world.pick_deleted(*number)?)),
            Command::Share { who, row: number, to, right: granted, secs } => {
                let grant = json!({"grantee": self.grantee(*to), "permission": right(*granted), "expires_in": secs});
                (*who, "memory.share", json!({"id": world.rows[row(*number)?].id, "grants": [grant]}))
            }
            Command::Unshare { who, row: number, to } => {
                (*who, "memory.unshare", json!({"id": world.rows[row(*number)?].id, "grantee": self.grantee(*to)}))
            }
            Command::Revert { who, row: number, back, expected } => {
                let at = row(*number)?;
                let input = json!({"id": world.rows[at].id, "version": world.rows[at].now.version - back});
                (*who, "memory.revert", self.at_version(object(input), Some(at), *expected))
            }
            Command::Review { who, row: number, decision } => {
                let decision = match decision {
                    Decision::Trust => "trust",
                    Decision::Quarantine => "quarantine",
                    Decision::Release => "release",
                };
                let input = json!({"id": world.rows[row(*number)?].id, "decision": decision, "reason": reason});
                (*who, "memory.review", input)
            }
            Command::Consolidate { who, rows, summary, supersede } => {
                let rows = rows.iter().map(|number| row(*number)).collect::<Option<Vec<_>>>()?;
                let ids: Vec<_> = rows.into_iter().map(|at| &world.rows[at].id).collect();
                let mode = if *summary { "summary" } else { "merge" };
                let content = summary.then(|| wording(Body::Plain, world.texts));
                let input = json!({"ids": ids, "mode": mode, "content": content, "supersede": supersede});
                (*who, "memory.consolidate", input)
            }
            Command::Cleanup { who, days, below, dry, all } => {
                let of = if *all { "workspace" } else { "own" };
                let input = json!({"older_than_days": days, "importance_below": below, "dry_run": dry, "of": of});
                (*who, "memory.cleanup", input)
            }
            Command::Purge { who, row: number } => {
                (*who, "memory.purge", json!({"id": world.rows[row(*number)?].id, "reason": reason}))
            }
            Command::Undo { who, of, since, until, dry } => {
                let until = until.map(|until| moment(world.now - until));
                let since = moment(world.now - since);
                let principal = self.person(*of);
                let input =
                    json!({"principal": principal, "since": since, "until": until, "dry_run": dry, "reason": reason});
                (*who, "memory.undo", input)
            }
            Command::Reindex => (crate::world::KEEPER, "memory.reindex", json!({"what": "keyword"})),
            Command::Join { .. } | Command::Leave { .. } | Command::Wait { .. } | Command::Sweep => return None,
        })
    }

    /// The command with the numbers of the people it means.
    fn addressed(&self, command: &Command) -> Command {
        let mut command = command.clone();
        let is_restore = matches!(command, Command::Restore { .. });
        if let Some((who, number)) = command.doer().filter(|(who, _)| **who >= OWNER) {
            let at = if is_restore { self.world.pick_deleted(number) } else { self.world.pick(number) };
            *who = at.map_or(0, |at| self.world.meant(at, *who == GRANTEE));
        }
        command
    }

    /// Carries a command out on both sides and compares what they answer.
    pub(crate) async fn step(&mut self, command: &Command) -> Checked {
        let command = &self.addressed(command);
        match *command {
            Command::Wait { micros } => {
                if self.world.now + micros - self.began <= LONGEST_MICROS {
                    self.app.clock.advance_micros(micros);
                    self.world.now += micros;
                }
                return Ok(());
            }
            Command::Sweep => self.sweep().await?,
            Command::Join { person, team } => return self.turn("team.add", (person, team), command).await,
            Command::Leave { person, team } => return self.turn("team.remove", (person, team), command).await,
            _ => {}
        }
        let Some((who, operation, input)) = self.call(command) else {
            return Ok(());
        };
        let mut product = self.ask(who, operation, input.clone()).await;
        if let Command::Hammer { times, .. } = command {
            for _ in 1..*times {
                if product.is_ok() {
                    product = self.ask(who, operation, input.clone()).await;
                }
            }
        }
        let ending = product.as_ref().err().map_or("done", String::as_str);
        *self.tally.entry(format!("{operation} {ending}")).or_default() += 1;
        if *command == Command::Reindex {
            self.sweep().await?;
        }
        self.answered(command, product)
    }

    async fn sweep(&mut self) -> Checked {
        let swept = self.app.gate.app().sweep(domain::Finish::No).await;
        swept.map_err(|error| format!("the sweep failed: {error}"))?;
        self.world.apply(&Command::Sweep).map(drop).map_err(str::to_owned)
    }

    async fn turn(&mut self, operation: &str, (person, team): (usize, usize), command: &Command) -> Checked {
        let input = json!({"id": self.teams[team], "principal": self.person(person)});
        let product = self.app.call_as_owner(&self.place, operation, &input).await;
        self.answered(command, product.map_err(|error| error.code().as_str().to_owned()))
    }

    fn answered(&mut self, command: &Command, product: Result<Value, String>) -> Checked {
        let model = self.world.apply(command);
        let (answer, json) = match (model, product) {
            (Err(code), product) => {
                return same(|| "refusal".into(), &product.map(|_| ()), &Err(code.to_owned()));
            }
            (Ok(_), Err(code)) => return Err(format!("the product refuses with {code}, the model does not")),
            (Ok(answer), Ok(json)) => (answer, json),
        };
        match answer {
            Answer::Done => Ok(()),
            Answer::Rows(rows) => {
                let items = json["items"].as_array().cloned().unwrap_or_else(|| vec![json]);
                same(|| "rows".into(), &items.len(), &rows.len())?;
                for (at, item) in rows.into_iter().zip(&items) {
                    self.adopt(at, item);
                    self.shown(at, item)?;
                }
                Ok(())
            }
            Answer::Grants(at) => {
                same(
                    || "grants".into(),
                    &json["grants"].as_array().map_or(0, Vec::len),
                    &self.world.rows[at].grants.len(),
                )?;
                same(|| "access".into(), &json["access"], &json!(access(self.world.rows[at].now.access)))
            }
            Answer::Cleaned(rows) => {
                let ids: Vec<_> = rows.iter().map(|at| &self.world.rows[*at].id).collect();
                same(|| "cleaned".into(), &json["ids"], &json!(ids))
            }
            Answer::Undone(undone) => {
                let conflicts: Vec<_> = undone.conflicts.iter().map(|at| &self.world.rows[*at].id).collect();
                let told: Vec<_> = json["conflicts"].as_array().into_iter().flatten().map(|one| &one["id"]).collect();
                same(|| "conflicts".into(), &json!(told), &json!(conflicts))?;
                let model = json!([undone.quarantined, undone.reverted, undone.restored]);
                let product = json!([json["quarantined"], json["reverted"], json["restored"]]);
                same(|| "undone".into(), &product, &model)
            }
        }
    }

    /// What the server alone decides: the id, and the bytes between merged lines.
    fn adopt(&mut self, at: usize, item: &Value) {
        let row = &mut self.world.rows[at];
        if row.id.is_empty() {
            row.id = item["id"].as_str().unwrap_or_default().to_owned();
        }
        if row.now.text.bytes < 0 {
            row.now.text.bytes = item["content"].as_str().map_or(-1, |text| i64::try_from(text.len()).unwrap());
        }
    }

    /// A row as the product shows it, with or without its text, is the model's.
    pub(crate) fn shown(&self, at: usize, item: &Value) -> Checked {
        let row = &self.world.rows[at];
        same(|| "id".into(), &item["id"], &json!(row.id))?;
        same(|| "owner".into(), &item["owner"], &json!(self.person(row.owner)))?;
        same(|| "created_at".into(), &item["created_at"], &moment(row.created_at))?;
        same(|| "updated_at".into(), &item["updated_at"], &moment(row.now.updated_at))?;
        self.state(&row.now, item)
    }

    /// A version as the product shows it is the model's.
    pub(crate) fn state(&self, state: &State, item: &Value) -> Checked {
        let is_redacted = item["content"].is_null() && item["value"].is_null();
        let told = [
            ("version", json!(state.version)),
            ("trust", json!(trust(state.trust))),
            ("access", json!(access(state.access))),
            ("key", json!(state.key)),
            ("kind", json!(state.kind)),
            ("importance", json!(state.importance)),
            ("team_id", json!(state.team.map(|team| &self.teams[team]))),
            ("project", json!(state.project)),
            ("layer", json!(state.layer)),
            ("expires_at", json!(state.expires_at.map(Timestamp::from_micros))),
            ("superseded_by", json!(state.superseded_by.map(|at| &self.world.rows[at].id))),
            ("deleted_at", json!(state.deleted_at.map(Timestamp::from_micros))),
        ];
        for (name, model) in &told {
            same(|| format!("{} of version {}", name, state.version), &item[*name], model)?;
        }
        if is_redacted {
            return Ok(());
        }
        let content = item["content"].as_str().or_else(|| item["value"]["note"].as_str()).unwrap_or_default();
        let lines: Vec<_> = content.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        same(|| format!("text of version {}", state.version), &lines, &state.text.lines)?;
        same(|| "tags".into(), &item["tags"], &json!(state.tags))
    }
}

/// Everybody there is.
pub(crate) fn everybody() -> std::ops::Range<usize> {
    0..PEOPLE
}
