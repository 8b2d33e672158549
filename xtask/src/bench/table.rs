//! The table: one line for each figure, with the bounds it must keep.

use std::fmt::Write as _;

/// A bound of a figure.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A figure that has a bound.
#[derive(Debug, Clone)]
struct Gate {
    name: String,
    value: f64,
    bound: Bound,
}

/// One line.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    what: String,
    cells: [String; 4],
    gates: Vec<Gate>,
}

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// A number with as many digits as say something.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

impl Gate {
    fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.value <= most,
            Bound::AtLeast(least) => self.value >= least,
        }
    }

    fn shown(&self) -> String {
        let (sign, bound) = match self.bound {
            Bound::AtMost(most) => ("≤", most),
            Bound::AtLeast(least) => ("≥", least),
        };
        let mark = if self.holds() { "" } else { " **FAIL**" };
        format!("{} {} ({sign} {bound}){mark}", self.name, number(self.value))
    }
}

impl Row {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Calls per second, median and 99th percentile in milliseconds.
    pub(super) fn load(mut self, outcome: &super::load::Outcome) -> Self {
        let [rate, median, tail, _] = &mut self.cells;
        *rate = number(outcome.rate());
        *median = number(outcome.quantile(0.5));
        *tail = number(outcome.quantile(0.99));
        self
    }

    /// The server's processor time per call, in microseconds.
    pub(super) fn cpu(mut self, micros: f64) -> Self {
        let [_, _, _, cpu] = &mut self.cells;
        *cpu = number(micros);
        self
    }

    /// A figure with a bound.
    pub(super) fn gate(mut self, name: impl Into<String>, value: f64, bound: Bound) -> Self {
        self.gates.push(Gate { name: name.into(), value, bound });
        self
    }

    /// A figure without one.
    pub(super) fn figure(self, name: impl Into<String>, value: f64) -> Self {
        self.gate(name, value, Bound::AtLeast(f64::NEG_INFINITY))
    }

    pub(super) fn line(&self) -> String {
        let shown = |gate: &Gate| match gate.bound {
            Bound::AtLeast(f64::NEG_INFINITY) => format!("{} {}", gate.name, number(gate.value)),
            _ => gate.shown(),
        };
        let gates: Vec<String> = self.gates.iter().map(shown).collect();
        let is_gated = self.gates.iter().any(|gate| !matches!(gate.bound, Bound::AtLeast(f64::NEG_INFINITY)));
        let verdict = match (is_gated, self.holds()) {
            (false, _) => "",
            (true, true) => "pass",
            (true, false) => "**FAIL**",
        };
        format!("| {} | {} | {} | {verdict} |", self.what, self.cells.join(" | "), gates.join("; "))
    }

    pub(super) fn holds(&self) -> bool {
        self.gates.iter().all(Gate::holds)
    }
}

impl Table {
    pub(super) fn push(&mut self, row: Row) {
        super::progress(&row.line());
        self.rows.push(row);
    }

    /// A sentence under the table.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(super) fn holds(&self) -> bool {
        self.rows.iter().all(Row::holds)
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = String::from(
            "| what | calls/s | p50 ms | p99 ms | CPU µs/call | figures (bounds) | verdict |\n|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            // A string takes whatever is written to it.
            let _ = writeln!(text, "{}", row.line());
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_bound_fails_the_table() {
        let mut table = Table::default();
        table.push(Row::new("a").gate("ratio", 1.5, Bound::AtMost(2.0)).figure("share", 3.0));
        assert!(table.holds());
        table.push(Row::new("b").gate("rate", 1_999.0, Bound::AtLeast(2_000.0)));
        assert!(!table.holds());
        assert!(table.markdown().contains("| b |  |  |  |  | rate 1999 (≥ 2000) **FAIL** | **FAIL** |"));
    }
}
