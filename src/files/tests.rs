use super::*;

#[test]
fn what_paths_lead_to() {
    let base = std::env::temp_dir().join(format!("posthaste-files-{}", std::process::id()));
    let root = base.join("root");
    std::fs::create_dir_all(root.join("folder/empty")).unwrap();
    std::fs::write(root.join("a.txt"), "a").unwrap();
    std::fs::write(root.join("folder/index.html"), "i").unwrap();
    std::fs::write(base.join("secret"), "s").unwrap();
    std::os::unix::fs::symlink(base.join("secret"), root.join("out")).unwrap();
    std::os::unix::fs::symlink(&base, root.join("up")).unwrap();
    std::os::unix::fs::symlink("a.txt", root.join("in")).unwrap();
    let files = Files::new(&root).unwrap();
    let real = root.canonicalize().unwrap();
    let table = [
        ("/a.txt", Found::File(real.join("a.txt"))),
        ("/in", Found::File(real.join("a.txt"))),
        ("/folder/", Found::File(real.join("folder/index.html"))),
        ("/folder", Found::Redirect("/folder/".into())),
        ("/", Found::Nothing),
        ("/a.txt/", Found::Nothing),
        ("/folder/empty/", Found::Nothing),
        ("/out", Found::Nothing),
        ("/up", Found::Nothing),
        ("/up/secret", Found::Nothing),
        ("/../secret", Found::Nothing),
        ("/..%2fsecret", Found::Nothing),
        ("/missing", Found::Nothing),
    ];
    for (path, found) in table {
        assert_eq!(files.find(path).unwrap(), found, "{path}");
    }
    // A link to itself is there and cannot be followed: its owner is told.
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    let (path, error) = files.find("/loop").unwrap_err();
    assert!(path.ends_with("loop") && !is_absence(&error), "{error}");
    assert_eq!(files.find(&format!("/{}", "x".repeat(1000))).unwrap(), Found::Nothing);
    let error = Files::new(root.join("a.txt")).unwrap_err().to_string();
    assert!(error.contains("a.txt could not be served: not a directory"), "{error}");
    std::fs::remove_dir_all(&base).unwrap();
}
