use super::*;
use crate::sys::refusal::{Call, refuse};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A folder for files to be beside and beneath, gone at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("posthaste-folder-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let place = Place(std::env::temp_dir().join(name));
        fs::create_dir_all(place.root().join("sub/deep")).unwrap();
        fs::write(place.0.join("secret"), "secret").unwrap();
        fs::write(place.root().join("file"), "public").unwrap();
        fs::write(place.root().join("sub/deep/file"), "deep").unwrap();
        place
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// Opened by the kernel and step by step.
    fn both_ways(&self) -> [Folder; 2] {
        let whole = Folder::open(self.root()).unwrap();
        refuse(Call::OpenBeneath, ENOSYS, 1);
        let steps = Folder::open(self.root()).unwrap();
        assert_eq!((whole.way, steps.way), (Way::Whole, Way::Steps), "a kernel with openat2");
        [whole, steps]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a path leads to.
fn found(folder: &Folder, path: &str) -> Result<String, i32> {
    let mut file = folder.open_beneath(path.as_bytes()).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let kind = file.metadata().unwrap().file_type();
    if !kind.is_file() {
        return Ok(if kind.is_dir() { "a folder" } else { "no file" }.into());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    Ok(text)
}

#[test]
fn a_folder_is_listed_as_far_as_it_can_be_opened() {
    let place = Place::new();
    let root = place.root();
    symlink("../secret", root.join("out")).unwrap();
    symlink("/etc/hostname", root.join("absolute")).unwrap();
    symlink("nothing", root.join("dangling")).unwrap();
    symlink("sub/deep", root.join("inside")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    for folder in place.both_ways() {
        let listed = entries::entries(&folder, b"", 100).unwrap();
        let mut names: Vec<(String, bool, u64)> = listed
            .entries
            .into_iter()
            .map(|entry| {
                (String::from_utf8(entry.name).unwrap(), entry.is_folder, if entry.is_folder { 0 } else { entry.len })
            })
            .collect();
        names.sort();
        assert_eq!(names, [("file".into(), false, 6), ("inside".into(), true, 0), ("sub".into(), true, 0)]);
        assert!(!listed.are_cut);
        (0..2000).for_each(|number| fs::write(root.join(format!("sub/{number:0200}")), "").unwrap());
        let many = entries::entries(&folder, b"sub", 10_000).unwrap();
        assert_eq!(many.entries.len(), 2001, "more than one call gives");
        let deep = entries::entries(&folder, b"inside", 100).unwrap();
        assert_eq!(deep.entries.len(), 1, "{deep:?}");
        let cut = entries::entries(&folder, b"", 2).unwrap();
        assert!(cut.are_cut && cut.entries.len() <= 2);
        for path in [&b"out"[..], b"..", b"file", b"nothing"] {
            assert!(entries::entries(&folder, path, 100).is_err(), "{}", String::from_utf8_lossy(path));
        }
    }
}

#[test]
fn both_ways_lead_to_the_same_and_never_out() {
    let place = Place::new();
    let root = place.root();
    for (text, name) in [
        ("file", "link"),
        ("sub", "folder"),
        ("sub/deep/../../file", "round"),
        ("folder/deep/file", "twice"),
        ("..", "up"),
        ("../secret", "out"),
        ("../root/file", "out-and-in"),
        ("sub/../../secret", "far-out"),
        ("self", "self"),
        ("nothing", "dangling"),
        ("sub/", "slash"),
        ("sub/..", "home"),
    ] {
        symlink(text, root.join(name)).unwrap();
    }
    symlink(place.0.join("secret"), root.join("absolute")).unwrap();
    symlink(root.join("file"), root.join("absolute-in")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    for number in 0..60 {
        symlink(format!("chain{}", number + 1), root.join(format!("chain{number}"))).unwrap();
    }
    fs::write(root.join("chain60"), "end").unwrap();
    let nonblocking_fifo = std::process::Command::new("mkfifo").arg(root.join("fifo")).status().unwrap();
    assert!(nonblocking_fifo.success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let table = [
        ("file", Ok("public")),
        ("./file", Ok("public")),
        ("sub//deep/./file", Ok("deep")),
        ("sub/deep/../deep/file", Ok("deep")),
        ("link", Ok("public")),
        ("folder/deep/file", Ok("deep")),
        ("round", Ok("public")),
        ("twice", Ok("deep")),
        ("sub", Ok("a folder")),
        ("sub/", Ok("a folder")),
        ("slash", Ok("a folder")),
        ("slash/deep/file", Ok("deep")),
        ("home", Ok("a folder")),
        ("home/file", Ok("public")),
        (".", Ok("a folder")),
        ("sub/..", Ok("a folder")),
        ("fifo", Ok("no file")),
        ("socket", Err(ENXIO)),
        ("chain21", Ok("end")),
        ("chain20", Ok("end")),
        ("chain19", Err(libc::ELOOP)),
        ("self", Err(libc::ELOOP)),
        ("", Err(libc::ENOENT)),
        ("nothing", Err(libc::ENOENT)),
        ("dangling", Err(libc::ENOENT)),
        ("sub/nothing/x", Err(libc::ENOENT)),
        ("file/", Err(libc::ENOTDIR)),
        ("file/x", Err(libc::ENOTDIR)),
        ("link/x", Err(libc::ENOTDIR)),
        ("..", Err(EXDEV)),
        ("sub/../..", Err(EXDEV)),
        ("../secret", Err(EXDEV)),
        ("sub/../../secret", Err(EXDEV)),
        ("/etc/passwd", Err(EXDEV)),
        ("up", Err(EXDEV)),
        ("up/secret", Err(EXDEV)),
        ("out", Err(EXDEV)),
        ("out-and-in", Err(EXDEV)),
        ("far-out", Err(EXDEV)),
        ("absolute", Err(EXDEV)),
        ("absolute-in", Err(EXDEV)),
        ("magic/etc/passwd", Err(EXDEV)),
    ];
    for folder in &place.both_ways() {
        for (path, expected) in &table {
            assert_eq!(found(folder, path).as_deref(), expected.as_deref(), "{path}, {:?}", folder.way);
        }
        assert_eq!(found(folder, &"x".repeat(1000)), Err(libc::ENAMETOOLONG));
        assert_eq!(found(folder, &"./".repeat(3000)), Err(libc::ENAMETOOLONG));
        assert_eq!(folder.open_beneath(b"fi\0le").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        for (path, expected) in [("sub", true), ("folder", true), (".", true), ("file", false), ("up", false)] {
            assert_eq!(folder.is_folder(path.as_bytes()), expected, "{path}");
        }
    }
}

/// A process may go through a folder that it may not list.
#[test]
fn a_folder_that_is_not_listed_can_be_gone_through() {
    let place = Place::new();
    fs::set_permissions(place.root().join("sub"), fs::Permissions::from_mode(0o111)).unwrap();
    for folder in &place.both_ways() {
        assert_eq!(found(folder, "sub/deep/file").as_deref(), Ok("deep"));
        assert!(folder.is_folder(b"sub"));
    }
    fs::set_permissions(place.root().join("sub"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_sandbox_that_forbids_the_call_is_a_kernel_without_it() {
    let place = Place::new();
    for error in [ENOSYS, EPERM] {
        refuse(Call::OpenBeneath, error, 1);
        let folder = Folder::open(place.root()).unwrap();
        assert_eq!(folder.way, Way::Steps);
        assert!(folder.open_if_cached(b"file").is_none());
    }
    // What forbids one file is no reason to change the way.
    let folder = Folder::open(place.root()).unwrap();
    refuse(Call::OpenBeneath, EPERM, 1);
    assert_eq!(found(&folder, "file"), Err(EPERM));
    assert_eq!(found(&folder, "file").as_deref(), Ok("public"));
}

#[test]
fn what_is_passing_is_tried_again_but_not_for_ever() {
    let place = Place::new();
    let folder = Folder::open(place.root()).unwrap();
    refuse(Call::OpenBeneath, EAGAIN, TRIES);
    assert_eq!(found(&folder, "file").as_deref(), Ok("public"));
    refuse(Call::OpenBeneath, EINTR, TRIES + 1);
    assert_eq!(found(&folder, "file"), Err(EINTR));
}

#[test]
fn what_is_in_memory_is_opened_and_read_without_waiting() {
    let place = Place::new();
    let [folder, _] = place.both_ways();
    if !folder.has_cached_names {
        // This file system, or this kernel, cannot tell.
        assert!(folder.open_if_cached(b"file").is_none());
        return;
    }
    let file = folder.open_if_cached(b"file").expect("its name was just written").unwrap();
    let mut bytes = b"there ".to_vec();
    assert_eq!(read_if_cached(&file, &mut bytes, 16, 2).expect("so was the file").unwrap(), 4);
    assert_eq!(bytes, b"there blic");
    assert_eq!(read_if_cached(&file, &mut bytes, 16, 6).unwrap().unwrap(), 0);
    assert_eq!(read_if_cached(&file, &mut bytes, 2, 0).unwrap().unwrap(), 2, "though there is room for more");
    assert_eq!(bytes, b"there blicpu");
    symlink("../secret", place.root().join("out")).unwrap();
    assert!(folder.open_if_cached(b"out").is_none(), "the other way says what it is");
    let absent = folder.open_if_cached(b"nothing");
    assert!(absent.is_none_or(|opened| Obstacle::of(&opened.unwrap_err()) == Obstacle::Nothing));
    // Reading a folder is refused for its own reason.
    let folder = File::from(folder.fd);
    assert!(read_if_cached(&folder, &mut bytes, 16, 0).is_none_or(|read| read.is_err()));
}

#[test]
fn kernels_by_their_release() {
    for (release, exact) in [
        ("6.13.0", true),
        ("6.18.44-fc-v857\n", true),
        ("7.0-rc1", true),
        ("6.12.9", false),
        ("5.15.0-1", false),
        ("", false),
    ] {
        assert_eq!(has_exact_times(release), exact, "{release}");
    }
}

/// Two changes that follow each other at once: where each is to show, it does.
#[test]
fn each_change_after_a_look_shows_in_the_times() {
    let place = Place::new();
    let folder = Folder::open(place.root()).unwrap();
    let path = place.root().join("file");
    let file = folder.open_beneath(b"file").unwrap();
    if !folder.shows_each_change(&file.metadata().unwrap()) {
        return;
    }
    for number in 0..1000 {
        let before = file.metadata().unwrap();
        let text = if number % 2 == 0 { "PUBLIC" } else { "public" };
        OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
            .unwrap();
        let after = file.metadata().unwrap();
        assert_ne!((before.ctime(), before.ctime_nsec()), (after.ctime(), after.ctime_nsec()), "change {number}");
    }
}

#[test]
fn obstacles() {
    for (number, expected) in [
        (libc::ENOENT, Obstacle::Nothing),
        (libc::ENOTDIR, Obstacle::Nothing),
        (libc::ENAMETOOLONG, Obstacle::Nothing),
        (libc::EXDEV, Obstacle::Nothing),
        (libc::ENXIO, Obstacle::Nothing),
        (libc::EACCES, Obstacle::Denied),
        (libc::EPERM, Obstacle::Denied),
        (libc::EMFILE, Obstacle::Shortage),
        (libc::ENFILE, Obstacle::Shortage),
        (libc::ENOMEM, Obstacle::Shortage),
        (libc::EAGAIN, Obstacle::Shortage),
        (libc::ELOOP, Obstacle::Fault),
        (libc::EIO, Obstacle::Fault),
    ] {
        assert_eq!(Obstacle::of(&io::Error::from_raw_os_error(number)), expected, "{number}");
    }
}

/// Row R5: whatever is put in its place while it is opened, what is opened lies in the folder and opening does not wait.
#[test]
fn r5_what_is_swapped_while_it_is_opened_neither_leads_out_nor_blocks() {
    let tries: u32 = std::env::var("POSTHASTE_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let place = Place::new();
    let root = place.root();
    let secret = place.0.join("secret");
    fs::create_dir(place.0.join("away")).unwrap();
    fs::write(place.0.join("away/file"), "secret").unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = AtEnd(&stop);
        scope.spawn(|| swap(&root, &secret, &stop));
        let folders = place.both_ways();
        let mut seen = std::collections::BTreeSet::new();
        let mut number = 0;
        // However the system shares out its time: until some of the tries have met some of the swaps.
        while number < tries || seen.len() < 2 {
            number += 1;
            let folder = &folders[number as usize % 2];
            for path in ["swapped", "moving/file"] {
                let opened = folder.open_if_cached(path.as_bytes()).filter(|_| number % 3 == 0);
                let opened = opened.unwrap_or_else(|| folder.open_beneath(path.as_bytes()));
                let Ok(mut file) = opened else { continue };
                let kind = file.metadata().unwrap().file_type();
                seen.insert((kind.is_file(), kind.is_dir(), kind.is_fifo()));
                if kind.is_file() {
                    let mut text = String::new();
                    file.read_to_string(&mut text).unwrap();
                    assert!(!text.contains("secret"), "{path} led out of the folder");
                }
            }
        }
    });
}

/// Has the other thread end, also if this one fails.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Puts one thing after the other where a file is looked for.
fn swap(root: &Path, secret: &Path, stop: &AtomicBool) {
    let (place, next) = (root.join("swapped"), root.join("next"));
    let (away, moving, back) = (root.with_file_name("away"), root.join("moving"), root.join("sub/deep"));
    while !stop.load(Ordering::Relaxed) {
        for what in 0..6 {
            let made = match what {
                0 => fs::write(&next, "public"),
                1 => symlink(secret, &next),
                2 => make_fifo(&next),
                3 => symlink("../secret", &next),
                4 => symlink("/dev/zero", &next),
                _ => std::os::unix::net::UnixListener::bind(&next).map(drop),
            };
            made.and_then(|()| fs::rename(&next, &place)).unwrap();
            // A folder, a link to one outside, nothing.
            let _ = fs::rename(&back, &moving);
            let _ = fs::rename(&moving, &back);
            let _ = symlink(&away, &moving);
            let _ = fs::remove_file(&moving);
        }
    }
}

fn make_fifo(path: &Path) -> io::Result<()> {
    sys::testing::make_fifo(path)
}
