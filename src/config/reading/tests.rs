//! Files that change, go and come back.

use std::fs;

use super::*;

fn first_lines(errors: &[ConfigError]) -> Vec<String> {
    errors.iter().map(ConfigError::line_and_message).collect()
}

#[test]
fn a_corefile_is_read_again_when_a_file_of_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("Corefile"), "a {\n}\nimport *.server\n").unwrap();
    let mut reading = Reading::new(Origin::Corefile(path("Corefile"), 1053));
    assert_eq!(reading.hash(), None);
    assert_eq!(reading.again().unwrap().unwrap().servers[0].listen[0].port(), 1053);
    assert_eq!(reading.again(), Ok(None));
    assert_eq!((reading.files(), reading.folders()), (&[path("Corefile")][..], &[folder.path().to_owned()][..]));
    assert_eq!(reading.notes().len(), 1, "no file matches yet");
    let hash = reading.hash().unwrap();

    fs::write(path("b.server"), "b {\n}\n").unwrap();
    assert_eq!(reading.again().unwrap().unwrap().servers.len(), 2);
    assert_eq!((reading.files().len(), reading.notes().len()), (2, 0));
    assert_ne!(reading.hash().unwrap(), hash);
    assert_eq!(reading.again(), Ok(None));

    fs::remove_file(path("b.server")).unwrap();
    assert_eq!(reading.again().unwrap().unwrap().servers.len(), 1);
    assert_eq!(reading.hash(), Some(hash));
}

#[test]
fn a_bad_file_is_one_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Corefile");
    let mut reading = Reading::new(Origin::Corefile(path.clone(), 53));
    let missing = reading.again().unwrap_err();
    assert_eq!(first_lines(&missing), [format!("{}: No such file or directory (os error 2)", path.display())]);
    assert_eq!(reading.again(), Ok(None));
    fs::write(&path, "a {\nnone\n}\n").unwrap();
    assert!(first_lines(&reading.again().unwrap_err())[0].contains(":2:1: `none` is no plugin"));
    assert_eq!(reading.again(), Ok(None));
    fs::write(&path, "a {\n}\n").unwrap();
    assert!(reading.again().unwrap().is_some());
}

#[test]
fn the_command_line_has_the_last_word_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    fs::write(&path, "").unwrap();
    let mut reading = Reading::new(Origin::Toml(path.clone())).adjusted(|config| {
        config.admin_listen.clear();
        config.listen_on(&["127.0.0.1:1".parse().unwrap()])
    });
    assert!(reading.again().unwrap().unwrap().admin_listen.is_empty());
    fs::write(&path, "[[server]]\n[[server]]\nlisten = [\"127.0.0.1:2\"]\n").unwrap();
    let errors = first_lines(&reading.again().unwrap_err());
    assert!(errors[0].starts_with(&format!("{}: two servers have the zone .", path.display())), "{errors:?}");
}

#[test]
fn what_has_no_file_never_changes() {
    for origin in [Origin::Default, Origin::Piped("a {\n}".into(), 53)] {
        let mut reading = Reading::new(origin);
        assert!(reading.again().unwrap().is_some());
        assert_eq!(reading.again(), Ok(None));
    }
}

/// The first is that of `printf '\0\0\0\0\0\0\0\1a' | sha512sum`.
#[test]
fn a_hash_is_sha_512_of_texts_and_of_where_they_end() {
    let shown = Hash::of(["a"]).to_string();
    assert_eq!(shown.len(), 128);
    assert!(shown.starts_with("a5ed326a3f4c04e6"), "{shown}");
    assert_ne!(Hash::of(["ab", ""]), Hash::of(["a", "b"]));
}

#[test]
fn a_language_is_known_by_the_name_or_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let is_corefile = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        matches!(Origin::guess(&path, 53), Origin::Corefile(_, 53))
    };
    assert!(is_corefile("Corefile-v2", "[udp]") && is_corefile("my.COREFILE", ""));
    assert!(!is_corefile("Corefile.toml", ". {"));
    assert!(is_corefile("x", "# of a\n\n. {\n}") && is_corefile("x", "import a"));
    assert!(!is_corefile("x", "# a\n  [udp]") && !is_corefile("x", "a.b = 1") && !is_corefile("x", ""));
}
