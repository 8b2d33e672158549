//! A scope reaches the teams of its own workspace only, whatever id it is given.

use store::{Error, Everything, MIGRATIONS, Scope, Store, Tx, Verdict, teams};
use types::{AgentId, PrincipalId, TeamId, Timestamp, WorkspaceId, team::Team, workspace::Workspace};

use crate::{conformance::Answer, options, tempdir};

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

fn scope(number: u128) -> Scope {
    #[expect(clippy::disallowed_methods, reason = "a test speaks for both workspaces")]
    Scope::of(WorkspaceId::from_value(number), PrincipalId::LOCAL)
}

fn team(number: u128, name: &str) -> Team {
    let id = TeamId::from_value(number);
    Team { id, name: name.to_owned(), members: Vec::new(), created_at: NOW, version: 1 }
}

/// Two workspaces, 1 and 2, with one team of the same number each, both named `builders`; agent 7 is in the second.
fn two_workspaces(tx: &Tx<'_>) -> Result<(), Error> {
    for number in [1, 2] {
        #[expect(clippy::disallowed_methods, reason = "a test makes both workspaces")]
        let everything = Everything::because("a test makes a workspace");
        let id = WorkspaceId::from_value(number);
        let (slug, name, status) = (format!("w{number}"), "W".to_owned(), "active".to_owned());
        store::workspaces::insert(tx, everything, &Workspace { id, slug, name, status, created_at: NOW }, &[0; 32])?;
        teams::insert(tx, &scope(number), &team(number, "builders"))?;
    }
    assert!(teams::add_member(tx, &scope(2), TeamId::from_value(2), agent(7), NOW)?);
    Ok(())
}

fn agent(number: u128) -> PrincipalId {
    PrincipalId::Agent(AgentId::from_value(number))
}

fn check(rule: impl Fn(&Tx<'_>) -> Result<(), Error> + Send + 'static) {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), MIGRATIONS).unwrap();
    let checked: Answer<()> = store.write_blocking(move |tx| {
        two_workspaces(tx)?;
        rule(tx)?;
        Ok(Verdict::Done(()))
    });
    checked.unwrap();
}

#[test]
fn a_team_of_another_workspace_is_neither_seen_nor_changed() {
    check(|tx| {
        let (ours, theirs) = (scope(1), TeamId::from_value(2));
        assert_eq!(teams::get(tx, &ours, theirs)?, None);
        assert!(!teams::is_member(tx, &ours, theirs, agent(7))?);
        assert_eq!(teams::memberships(tx, &ours, agent(7))?, []);
        assert_eq!(teams::named_memberships(tx, &ours, agent(7))?, []);
        assert!(!teams::add_member(tx, &ours, theirs, agent(8), NOW)?);
        assert!(!teams::remove_member(tx, &ours, theirs, agent(7))?);
        assert!(!teams::update(tx, &ours, &Team { version: 9, ..team(2, "taken") })?);
        assert!(!teams::delete(tx, &ours, theirs)?);
        let listed = teams::list(tx, &ours, None, "", 10)?;
        assert_eq!((listed, teams::count(tx, &ours, None)?), (vec![team(1, "builders")], 1));
        assert_eq!(teams::get(tx, &scope(2), theirs)?, Some(Team { members: vec![agent(7)], ..team(2, "builders") }));
        assert_eq!(teams::memberships(tx, &scope(2), agent(7))?, [theirs]);
        assert!(teams::is_member(tx, &scope(2), theirs, agent(7))?);
        Ok(())
    });
}

#[test]
fn a_taken_name_and_a_second_membership_are_conflicts() {
    check(|tx| {
        let ours = scope(1);
        let taken = teams::insert(tx, &ours, &team(3, "BUILDERS"));
        assert!(matches!(taken, Err(Error::Conflict { .. })), "{taken:?}");
        teams::insert(tx, &ours, &team(3, "menders"))?;
        let renamed = teams::update(tx, &ours, &team(3, "Builders"));
        assert!(matches!(renamed, Err(Error::Conflict { .. })), "{renamed:?}");
        let twice = teams::add_member(tx, &scope(2), TeamId::from_value(2), agent(7), NOW);
        assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
        Ok(())
    });
}

#[test]
fn a_deleted_team_leaves_no_members() {
    check(|tx| {
        assert!(teams::delete(tx, &scope(2), TeamId::from_value(2))?);
        assert_eq!(teams::memberships(tx, &scope(2), agent(7))?, []);
        Ok(())
    });
}
