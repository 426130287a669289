use super::*;
use runtime::Executor;
use std::io;

/// A folder in one that is not served, gone at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let place = Place(std::env::temp_dir().join(format!("posthaste-files-{name}-{}", std::process::id())));
        std::fs::create_dir_all(place.root()).unwrap();
        place
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a name leads to, by a reader thread and, if that can be, without.
fn found(files: &Files, name: &str) -> Result<&'static str, io::ErrorKind> {
    let kind = |found: io::Result<Found>| match found {
        Ok(Found::File(_)) => Ok("file"),
        Ok(Found::Folder) => Ok("folder"),
        Ok(Found::Other) => Ok("other"),
        Err(error) => Err(error.kind()),
    };
    let (root, relative) = (files.root.clone(), name.as_bytes().to_vec());
    let job = files.readers.run(move || open(&root.folder, &relative, PIECE));
    let slowly = kind(Executor::new().unwrap().block_on(job).unwrap());
    if let Some(at_once) = open_at_once(&files.root.folder, name.as_bytes(), PIECE) {
        assert_eq!(kind(at_once), slowly, "{name}");
    }
    slowly
}

#[test]
fn what_names_lead_to() {
    let place = Place::new("names");
    let (base, root) = (&place.0, place.root());
    std::fs::create_dir_all(root.join("folder/empty")).unwrap();
    std::fs::write(root.join("a.txt"), "a").unwrap();
    std::fs::write(root.join("folder/index.html"), "i").unwrap();
    std::fs::write(base.join("secret"), "s").unwrap();
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
    link(&base.join("secret"), "out");
    link(base, "up");
    link(Path::new("../secret"), "relative");
    link(Path::new("a.txt"), "in");
    link(Path::new("loop"), "loop");
    let files = Files::new(&root).unwrap();
    let table = [
        ("a.txt", Ok("file")),
        ("in", Ok("file")),
        ("folder/index.html", Ok("file")),
        ("folder", Ok("folder")),
        ("index.html", Err(io::ErrorKind::NotFound)),
        ("a.txt/index.html", Err(io::ErrorKind::NotADirectory)),
        ("folder/empty/index.html", Err(io::ErrorKind::NotFound)),
        ("out", Err(io::ErrorKind::CrossesDevices)),
        ("relative", Err(io::ErrorKind::CrossesDevices)),
        ("up", Err(io::ErrorKind::CrossesDevices)),
        ("up/secret", Err(io::ErrorKind::CrossesDevices)),
        ("missing", Err(io::ErrorKind::NotFound)),
    ];
    for (name, expected) in table {
        assert_eq!(found(&files, name), expected, "{name}");
    }
    // A link to itself is there and cannot be followed: its owner is told.
    let error = open(&files.root.folder, b"loop", 0).unwrap_err();
    let problem = format!("{:?}", Problem::of_opening(&root.join("loop"), error));
    assert!(problem.contains("500") && problem.contains("loop"), "{problem}");
    let error = Files::new(root.join("a.txt")).unwrap_err().to_string();
    assert!(error.contains("a.txt could not be served: not a directory"), "{error}");
    assert!(!files.has_index());
    std::fs::write(root.join("index.html"), "i").unwrap();
    assert!(files.has_index());
}

/// What was opened is served, not what has its name later.
#[test]
fn the_folder_is_the_one_that_was_opened() {
    let place = Place::new("moved");
    let root = place.root();
    std::fs::write(root.join("a"), "a").unwrap();
    let files = Files::new(&root).unwrap();
    std::fs::rename(&root, place.0.join("elsewhere")).unwrap();
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("b"), "b").unwrap();
    assert_eq!((found(&files, "a"), found(&files, "b")), (Ok("file"), Err(io::ErrorKind::NotFound)));
}

/// Whatever pieces are read, and whoever reads them.
#[test]
fn a_file_is_whole_or_not_there() {
    use crate::files::source::{Loss, Source};
    let place = Place::new("pieces");
    let path = place.root().join("a");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number >> 4) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let files = Files::new(place.root()).unwrap();
    let source = |start: u64, end: u64| match open(&files.root.folder, b"a", PIECE) {
        Ok(Found::File(opened)) => Source::new(opened.into(), files.readers.clone(), start..end),
        other => panic!("{other:?}"),
    };
    let read = async |mut source: Source, at: usize, change: &dyn Fn()| {
        let mut all = Vec::new();
        while let Some(piece) = source.next(PIECE).await? {
            all.extend(piece);
            if all.len() == at {
                change();
            }
        }
        Ok::<_, Loss>(all)
    };
    let piece = 65_536;
    Executor::new().unwrap().block_on(async {
        let nothing = || ();
        for (start, end) in [(0, 3_000_000), (1, 65_537), (65_535, 65_536), (7, 7), (2_999_999, 3_000_000)] {
            let all = read(source(start, end), 0, &nothing).await.unwrap();
            assert!(all == bytes[start as usize..end as usize], "{start}-{end}");
        }
        let write = |text: &[u8]| {
            let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            io::Write::write_all(&mut file, text).unwrap();
        };
        // Over the first bytes, which were sent long ago; the length stays.
        let rewrite = || write(b"other");
        for at in [piece, 40 * piece, 45 * piece] {
            assert!(matches!(read(source(0, 3_000_000), at, &rewrite).await, Err(Loss::Changed)), "{at}");
        }
        // The date of modification put back.
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let forge = || {
            write(b"again");
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        };
        assert!(matches!(read(source(0, 3_000_000), piece, &forge).await, Err(Loss::Changed)));
        // As files are replaced while they are read: that is another file of the same name.
        let replace = || {
            std::fs::write(place.root().join("next"), "next").unwrap();
            std::fs::rename(place.root().join("next"), &path).unwrap();
        };
        assert_eq!(read(source(0, 3_000_000), piece, &replace).await.unwrap().len(), 3_000_000);
        std::fs::write(&path, &bytes).unwrap();
        let cut = || std::fs::File::options().write(true).open(&path).unwrap().set_len(100_000).unwrap();
        assert!(matches!(read(source(0, 3_000_000), piece, &cut).await, Err(Loss::Cut)));
    });
}
