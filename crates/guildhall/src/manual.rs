//! The command line described: completions, man pages and the reference, all made from what `args.rs` declares.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Cli;

mod markdown;

pub(crate) use self::markdown::markdown;

/// What a newcomer types, and what it does.
const EXAMPLES: &[(&str, &str)] = &[
    ("guildhall up", "Start the server on this machine. The first run prints the first API key, once."),
    (
        "guildhall memory add \"Deploys are frozen on Fridays\" --tag ops --access public",
        "Store a memory that the whole workspace sees.",
    ),
    ("guildhall memory search deploy --json", "Find it again, as JSON."),
    ("guildhall agent add scout --role agent && guildhall key create scout", "Let another agent in."),
    ("guildhall call audit.list --input '{\"limit\":5}'", "Call any operation of the catalogue."),
    (
        "guildhall backup create --out hall.age --passphrase-file secret.txt",
        "Write the whole installation to one encrypted file.",
    ),
    ("guildhall doctor", "Say what is wrong with this installation, and how to mend it."),
];

/// Variables that every command reads.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("GUILDHALL_DATA", "The data directory, when --data does not name it."),
    ("GUILDHALL__SECTION__KEY", "A setting over the one in guildhall.toml, such as GUILDHALL__SERVER__LISTEN."),
];

/// What the exit codes say.
const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "A finding, or a negative answer."),
    ("2", "Bad usage."),
    ("3", "Already so, nothing changed."),
    ("4", "Busy, or locked by another process."),
    ("5", "Not found."),
    ("6", "Refused: a permission or a limit."),
    ("7", "The server cannot be reached."),
    ("8", "Unsafe configuration, refused to start."),
    ("70", "An internal error."),
];

/// The whole command line, with the names of its pages.
fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// A script that completes the command line in a shell.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "guildhall", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The main man page.
///
/// # Errors
/// None in memory; those of the writer.
pub(crate) fn page() -> io::Result<String> {
    let man = man(command());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let commands = EXAMPLES.iter().map(|(line, words)| (*line, *words));
    for (heading, entries) in [
        ("EXAMPLES", commands.collect::<Vec<_>>()),
        ("ENVIRONMENT", ENVIRONMENT.to_vec()),
        ("EXIT STATUS", EXIT_CODES.to_vec()),
    ] {
        page.push_str(&format!(".SH \"{heading}\"\n"));
        for (term, words) in entries {
            page.push_str(&format!(".TP\n\\fB{}\\fR\n{}\n", roff(term), roff(words)));
        }
    }
    Ok(page)
}

/// The man pages of all commands, as file names and texts; the main one first.
///
/// # Errors
/// As for [`page`].
pub(crate) fn pages() -> io::Result<Vec<(String, String)>> {
    let mut pages = vec![("guildhall.1".to_owned(), page()?)];
    let mut left: Vec<clap::Command> = command().get_subcommands().cloned().collect();
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().cloned());
        let man = man(command);
        let mut text = Vec::new();
        man.render(&mut text)?;
        pages.push((man.get_filename(), String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(pages)
}

fn man(command: clap::Command) -> Man {
    // Without the date of a build, the same source makes the same page.
    Man::new(command).manual("Guildhall").source(concat!("guildhall ", env!("CARGO_PKG_VERSION"))).date("")
}

/// A line of words as the typesetter takes it: nothing in it is a request, and every hyphen can be copied.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if escaped.starts_with('.') { format!("\\&{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit;

    fn walk(command: &clap::Command, visit: &mut impl FnMut(&clap::Command)) {
        visit(command);
        command.get_subcommands().for_each(|inner| walk(inner, visit));
    }

    #[test]
    fn every_command_and_every_argument_says_what_it_is() {
        walk(&command(), &mut |command| {
            let name = command.get_display_name().unwrap_or_else(|| command.get_name());
            let about = command.get_about().unwrap_or_else(|| panic!("{name} says nothing")).to_string();
            assert!(about.len() > 10 && !about.ends_with('.'), "{name}: {about}");
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.len() > 5 && !help.ends_with('.'), "{name} {}: {help:?}", argument.get_id());
            }
        });
    }

    #[test]
    fn every_command_has_a_page_and_stands_in_the_reference() {
        let pages = pages().unwrap();
        let reference = markdown();
        let mut commands = 0;
        walk(&command(), &mut |command| {
            commands += 1;
            let name = command.get_display_name().unwrap_or_else(|| command.get_name());
            assert!(pages.iter().any(|(file, _)| *file == format!("{name}.1")), "{name}");
        });
        assert_eq!(pages.len(), commands);
        assert_eq!(reference.matches("\n## `guildhall ").count(), commands - 1);
    }

    #[test]
    fn every_exit_code_is_explained() {
        let said: Vec<u8> = EXIT_CODES.iter().map(|(code, _)| code.parse().unwrap()).collect();
        assert_eq!(
            said,
            [
                0,
                exit::FINDING,
                exit::USAGE,
                exit::ALREADY,
                exit::BUSY,
                exit::NOT_FOUND,
                exit::REFUSED,
                exit::UNREACHABLE,
                exit::UNSAFE,
                exit::INTERNAL
            ]
        );
    }

    #[test]
    fn every_example_is_understood() {
        use clap::Parser as _;
        for (line, _) in EXAMPLES {
            for one in line.split(" && ") {
                let words = one.replace('\'', "\"");
                let words: Vec<&str> = words
                    .split('"')
                    .enumerate()
                    .flat_map(
                        |(place, part)| if place % 2 == 1 { vec![part] } else { part.split_whitespace().collect() },
                    )
                    .collect();
                if !one.contains('\'') {
                    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{one}: {error}"));
                }
            }
        }
    }
}
