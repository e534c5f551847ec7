use std::fs;
use std::os::unix::fs::symlink;

use tokio::time::timeout;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As kubelet does it: a folder of its own for each version, and a link that is turned by a rename.
    fn mount(&self, version: &str, text: &str) {
        fs::create_dir(self.at(version)).unwrap();
        fs::write(self.at(version).join("roost.yaml"), text).unwrap();
        symlink(version, self.at("..data_tmp")).unwrap();
        fs::rename(self.at("..data_tmp"), self.at("..data")).unwrap();
    }
}

/// It is seen, and then there is nothing more to see.
async fn seen(watch: &mut FileWatch, what: &str) {
    timeout(Duration::from_secs(20), watch.changed()).await.unwrap_or_else(|_| panic!("not seen: {what}")).unwrap();
    while timeout(Duration::from_millis(1), watch.changed()).await.is_ok() {}
}

/// The kernel has told all there is to tell by the time this waits for it.
async fn nothing(watch: &mut FileWatch, why: &str) {
    assert!(timeout(Duration::from_millis(1), watch.changed()).await.is_err(), "{why}");
}

#[tokio::test]
async fn writers_and_editors_that_rename_are_seen() {
    let folder = Folder::new();
    let file = folder.at("roost.yaml");
    fs::write(&file, "1").unwrap();
    let mut watch = FileWatch::new(&file).unwrap();
    fs::write(&file, "2").unwrap();
    seen(&mut watch, "written in place").await;
    fs::write(folder.at("roost.yaml~"), "3").unwrap();
    nothing(&mut watch, "that is another file").await;
    fs::rename(folder.at("roost.yaml~"), &file).unwrap();
    seen(&mut watch, "put in its place").await;
    fs::remove_file(&file).unwrap();
    nothing(&mut watch, "what is not there cannot be put in force").await;
    fs::write(&file, "4").unwrap();
    seen(&mut watch, "back again").await;
    // A file that is made is seen when it is written, not before.
    fs::remove_file(&file).unwrap();
    let open = fs::File::create(&file).unwrap();
    nothing(&mut watch, "it is empty yet").await;
    drop(open);
    seen(&mut watch, "closed").await;
}

#[tokio::test]
async fn a_config_map_that_is_turned_to_another_version_is_seen() {
    let folder = Folder::new();
    let file = folder.at("roost.yaml");
    folder.mount("..2026_1", "1");
    symlink("..data/roost.yaml", &file).unwrap();
    let mut watch = FileWatch::new(&file).unwrap();
    for version in ["..2026_2", "..2026_3"] {
        folder.mount(version, version);
        seen(&mut watch, version).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), version);
    }
    fs::remove_dir_all(folder.at("..2026_1")).unwrap();
    nothing(&mut watch, "the old version goes").await;
    fs::write(folder.at("..2026_3/roost.yaml"), "in place").unwrap();
    seen(&mut watch, "behind the links").await;
}

#[tokio::test]
async fn links_and_folders_on_the_way_are_seen() {
    let folder = Folder::new();
    for version in ["a", "b"] {
        fs::create_dir(folder.at(version)).unwrap();
        fs::write(folder.at(version).join("roost.yaml"), version).unwrap();
    }
    symlink(folder.at("a"), folder.at("etc")).unwrap();
    let file = folder.at("etc/roost.yaml");
    let mut watch = FileWatch::new(&file).unwrap();
    fs::remove_file(folder.at("etc")).unwrap();
    symlink("b", folder.at("etc")).unwrap();
    seen(&mut watch, "another link").await;
    fs::write(folder.at("b/roost.yaml"), "2").unwrap();
    seen(&mut watch, "behind the new link").await;
    fs::rename(folder.at("b"), folder.at("gone")).unwrap();
    fs::create_dir(folder.at("b")).unwrap();
    fs::write(folder.at("b/roost.yaml"), "3").unwrap();
    seen(&mut watch, "in a new folder").await;
}

#[test]
fn a_way_that_goes_round_ends() {
    let folder = Folder::new();
    symlink("b", folder.at("a")).unwrap();
    symlink("a", folder.at("b")).unwrap();
    let way = way(&folder.at("a"));
    assert!(way.len() > LINKS && way.len() < 2 * LINKS, "{}", way.len());
}

#[test]
fn half_an_event_is_none() {
    let mut octets: Vec<u8> =
        [7_u32, AddWatchFlags::IN_CREATE.bits(), 0, 16].iter().flat_map(|word| word.to_ne_bytes()).collect();
    octets.extend(b"..data\0\0\0\0\0\0\0\0\0\0");
    let event = || Event { folder: 7, what: AddWatchFlags::IN_CREATE, name: "..data".into() };
    for cut in 0..octets.len() {
        assert_eq!(events(&octets[..cut]), []);
        assert_eq!(events(&[&octets, &octets[..cut]].concat()), [event()]);
    }
}

#[tokio::test]
async fn a_way_that_turned_just_before_its_folders_were_watched_is_followed_by_the_first_that_happens_there() {
    let folder = Folder::new();
    let file = folder.at("roost.yaml");
    folder.mount("..1", "1");
    symlink("..data/roost.yaml", &file).unwrap();
    let mut watch = FileWatch::new(&file).unwrap();
    // The file was no link when it was looked at.
    for names in watch.names.values_mut() {
        names.retain(|name| name != "..data");
    }
    folder.mount("..2", "2");
    seen(&mut watch, "turned").await;
}
