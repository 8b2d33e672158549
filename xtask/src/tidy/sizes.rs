//! How long files and functions may be.

use super::{Exceptions, Production};
use crate::report::{Findings, say};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 60;
const MEDIAN_AIM: usize = 120;
const P90_AIM: usize = 350;

pub(super) fn check(production: &[Production], exceptions: &mut Exceptions, findings: &mut Findings) {
    for file in production {
        let lines = file.source.production_lines;
        if lines > FILE_LINES && !exceptions.permits(&file.path, "lines", lines) {
            let message = format!("{lines} production lines, {FILE_LINES} at most: split it by verb");
            findings.about(&file.path, &message);
        }
        for function in &file.source.functions {
            let measure = format!("fn:{}", function.name);
            let over = function.length > FUNCTION_LINES;
            if over && !exceptions.permits(&file.path, &measure, function.length) {
                let message = format!("`{}` has {} lines, {FUNCTION_LINES} at most", function.name, function.length);
                findings.at(&file.path, function.line, &message);
            }
        }
    }
    report(production);
}

fn report(production: &[Production]) {
    let files = production.iter().map(|file| file.source.production_lines);
    let functions = production.iter().flat_map(|file| file.source.functions.iter().map(|function| function.length));
    let (files, functions) = (sorted(files), sorted(functions));
    say(&format!(
        "files     {:>5}  median {:>3} (aim {MEDIAN_AIM})  p90 {:>3} (aim {P90_AIM})  longest {:>3} (limit {FILE_LINES})",
        files.len(),
        percentile(&files, 50),
        percentile(&files, 90),
        percentile(&files, 100),
    ));
    say(&format!(
        "functions {:>5}  median {:>3}            p90 {:>3}            longest {:>3} (limit {FUNCTION_LINES})",
        functions.len(),
        percentile(&functions, 50),
        percentile(&functions, 90),
        percentile(&functions, 100),
    ));
}

fn sorted(values: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values
}

/// Nearest rank; 0 of nothing.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<_> = (1..=10).collect();
        assert_eq!(percentile(&values, 50), 5);
        assert_eq!(percentile(&values, 90), 9);
        assert_eq!(percentile(&values, 100), 10);
        assert_eq!(percentile(&[], 50), 0);
    }
}
