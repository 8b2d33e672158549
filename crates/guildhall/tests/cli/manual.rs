//! Completions and man pages, read by the programs they are for.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::binary::{directory, run};

/// Runs a shell program on what it reads; its output and whether it was content.
fn piped(program: &str, arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn bash_completes_commands_and_flags() {
    let (_parent, data) = directory();
    let script = run(&data, &["completions", "bash"]);
    assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""));
    assert_eq!(piped("bash", &["-n"], &script.stdout), (true, String::new()));
    for (words, offered) in [
        ("guildhall mem", "memory"),
        ("guildhall memory forg", "forget"),
        ("guildhall up --lis", "--listen"),
        ("guildhall completions z", "zsh"),
        ("guildhall reference cl", "cli"),
    ] {
        let asked = format!(
            "{}\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n_guildhall guildhall \
             \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\necho \"${{COMPREPLY[@]}}\"\n",
            script.stdout
        );
        assert_eq!(piped("bash", &["--norc", "-s"], &asked), (true, format!("{offered}\n")), "{words}");
    }
}

#[test]
fn every_shell_has_a_script() {
    let (_parent, data) = directory();
    for (shell, sign) in [
        ("zsh", "#compdef guildhall"),
        ("fish", "complete -c guildhall"),
        ("elvish", "edit:completion:arg-completer[guildhall]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = run(&data, &["completions", shell]);
        assert_eq!(script.code, Some(0), "{script:?}");
        assert!(script.stdout.contains(sign) && script.stdout.contains("memory"), "{shell}");
    }
    assert_eq!(run(&data, &["completions", "tcsh"]).code, Some(2));
}

#[test]
fn man_pages_are_written_for_every_command() {
    let (parent, data) = directory();
    let page = run(&data, &["man"]);
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    for heading in ["NAME", "SYNOPSIS", "OPTIONS", "SUBCOMMANDS", "EXAMPLES", "ENVIRONMENT", "\"EXIT STATUS\""] {
        assert!(
            page.stdout.contains(&format!(".SH {heading}")) || page.stdout.contains(&format!(".SH \"{heading}\"")),
            "{heading}"
        );
    }
    let folder = parent.path().join("man1");
    let written = run(&data, &["man", "--out", folder.to_str().unwrap()]);
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""), "{written:?}");
    assert_eq!(std::fs::read_to_string(folder.join("guildhall.1")).unwrap(), page.stdout);
    for name in ["guildhall-memory.1", "guildhall-memory-add.1", "guildhall-backup-create.1", "guildhall-man.1"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    for file in std::fs::read_dir(&folder).unwrap() {
        typesets(&file.unwrap().path());
    }
    let refused = run(&data, &["man", "--out", "/dev/null/x"]);
    assert_eq!((refused.code, refused.lines("hint: ").len()), (Some(6), 1), "{refused:?}");
}

/// The typesetter takes the page without a warning.
fn typesets(page: &Path) {
    let text = std::fs::read_to_string(page).unwrap();
    let (is_content, said) = piped("groff", &["-Kutf8", "-man", "-Tutf8", "-ww", "-z"], &text);
    assert!(is_content && said.is_empty(), "{}: {said}", page.display());
}
