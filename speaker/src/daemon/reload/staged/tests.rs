use std::os::unix::fs::symlink;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder of our own")
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("it is there");
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_file_has_the_text_and_its_mode_when_it_takes_its_place_and_not_before() {
    let folder = folder();
    let file = folder.path().join("roost.yaml");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    // Of a roost that was killed.
    fs::write(folder.path().join(".roost.yaml.apply"), "older").unwrap();
    let staged = Staged::beside(&file, "new").unwrap();
    assert!(staged.was("old") && !staged.was("new"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    staged.take_place().unwrap();
    drop(staged);
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(names(folder.path()), ["roost.yaml"]);
}

#[test]
fn dropped_it_leaves_nothing() {
    let folder = folder();
    let file = folder.path().join("roost.yaml");
    fs::write(&file, "old").unwrap();
    drop(Staged::beside(&file, "new").unwrap());
    assert_eq!(
        (fs::read_to_string(&file).unwrap().as_str(), names(folder.path())),
        ("old", vec!["roost.yaml".to_owned()])
    );
}

#[test]
fn a_link_stays_a_link() {
    let folder = folder();
    let (file, link) = (folder.path().join("real.yaml"), folder.path().join("roost.yaml"));
    fs::write(&file, "old").unwrap();
    symlink("real.yaml", &link).unwrap();
    Staged::beside(&link, "new").unwrap().take_place().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_not_overwritten() {
    let folder = folder();
    let file = folder.path().join("roost.yaml");
    fs::write(&file, "old").unwrap();
    let staged = Staged::beside(&file, "new").unwrap();
    fs::write(&file, "theirs").unwrap();
    let error = staged.take_place().unwrap_err();
    assert!(error.ends_with("was changed by somebody else meanwhile, and would be overwritten"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
}

/// As kubelet does it: the file is a link to `..data/roost.yaml`, and `..data` a link to a folder of a date.
#[test]
fn a_config_map_is_refused_with_the_remedy() {
    let folder = folder();
    let dated = folder.path().join("..2026_11_22_01_02_03.123456");
    fs::create_dir(&dated).unwrap();
    fs::write(dated.join("roost.yaml"), "old").unwrap();
    symlink("..2026_11_22_01_02_03.123456", folder.path().join("..data")).unwrap();
    symlink("..data/roost.yaml", folder.path().join("roost.yaml")).unwrap();
    let error = Staged::beside(&folder.path().join("roost.yaml"), "new").err().unwrap();
    assert!(error.contains("is a mounted ConfigMap or Secret: change it where it comes from"), "{error}");
    assert_eq!(names(&dated), ["roost.yaml"]);
}

/// /proc is no place for files of ours, whoever we are.
#[test]
fn what_cannot_be_written_is_refused_in_words() {
    let error = |kind: ErrorKind| refusal(Path::new("/etc/roost/roost.yaml"), &kind.into());
    assert!(error(ErrorKind::ReadOnlyFilesystem).contains("is on a read-only file system"));
    assert!(error(ErrorKind::PermissionDenied).contains("roost may not write in its folder"));
    assert!(error(ErrorKind::ResourceBusy).contains("mount its folder instead"));
    let error = Staged::beside(Path::new("/proc/self/comm"), "new").err().unwrap();
    assert!(error.starts_with("/proc/self/comm cannot be replaced"), "{error}");
}
