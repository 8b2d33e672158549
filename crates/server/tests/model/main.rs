//! Random histories of memories, run against the product and against a reference model that was written from
//! contract memory.md §3 to §5 alone. Start at [`memories_behave_as_their_contract_says`]; `world.rs` and `rules.rs`
//! are the model.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failing step of a test ends the test, and a soak says how far it came"
)]

mod hall;
mod histories;
mod looks;
mod rules;
mod undo;
mod world;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Instant,
};

use hall::{Checked, Hall};
use histories::{Command, LONGEST, Step, history};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use testkit::{Soak, TestApp};

/// Cases of each of the four tests in CI, 512 in all, where every run is the same; `cargo xtask soak` takes more and others.
const CASES: u32 = 128;
/// Cases that share one server; each has workspaces of its own.
const CASES_PER_SERVER: u32 = 50;

/// How often each operation ended how.
type Tally = BTreeMap<String, usize>;

/// Runs one history on both sides.
async fn run(app: &TestApp, number: u32, steps: &[Step], tally: &RefCell<Tally>) -> Checked {
    let mut hall = Hall::open(app, number).await;
    for (n, step) in steps.iter().enumerate() {
        let at = |difference: String| format!("after command {n}, {:?}: {difference}", step.command);
        hall.step(&step.command).await.map_err(at)?;
        hall.look(&step.look).await.map_err(at)?;
    }
    hall.agree().await.map_err(|difference| format!("at the end: {difference}"))?;
    for (ending, count) in &hall.tally {
        *tally.borrow_mut().entry(ending.clone()).or_default() += count;
    }
    // The index is dropped and loaded again from what is stored.
    hall.step(&Command::Reindex).await?;
    hall.agree().await.map_err(|difference| format!("once the index is loaded again: {difference}"))
}

fn rng(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

#[test]
fn memories_behave_as_their_contract_says() {
    check(Soak::wanted().unwrap_or(Soak { cases: CASES, seed: 1 }));
}

macro_rules! more_histories {
    ($($name:ident = $seed:literal,)*) => { $(
        #[test]
        fn $name() {
            if Soak::wanted().is_none() {
                check(Soak { cases: CASES, seed: $seed });
            }
        }
    )* };
}

more_histories! {
    a_second_lot_of_histories_agrees = 2,
    a_third_lot_of_histories_agrees = 3,
    a_fourth_lot_of_histories_agrees = 4,
}

fn check(wanted: Soak) {
    let config =
        Config { cases: wanted.cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng(wanted.seed));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = Cell::new(None);
    let (cases, commands) = (Cell::new(0), Cell::new(0));
    let tally = RefCell::new(Tally::new());
    let start = Instant::now();
    let outcome = runner.run(&history(), |steps| {
        let number = cases.replace(cases.get() + 1);
        let app = server.take().filter(|_| number % CASES_PER_SERVER != 0);
        let checked = runtime.block_on(async {
            let app = match app {
                Some(app) => app,
                None => TestApp::start().await,
            };
            let checked = run(&app, number, &steps, &tally).await;
            server.set(Some(app));
            checked
        });
        commands.set(commands.get() + steps.len());
        checked.map_err(TestCaseError::fail)
    });
    let seconds = start.elapsed().as_secs_f64();
    println!("seed {}: {} cases, {} commands, {seconds:.1} s", wanted.seed, cases.get(), commands.get());
    for (ending, count) in tally.take() {
        println!("{count:>7} {ending}");
    }
    runtime.block_on(async { drop(server.take()) });
    if let Err(failure) = outcome {
        panic!("seed {}, histories of up to {LONGEST} passages: {failure}", wanted.seed);
    }
}
