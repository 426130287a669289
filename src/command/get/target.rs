//! What is fetched, and where its body goes.

use crate::command::failure::{Failure, plain};
use crate::command::get::flags::{Flags, Output};
use crate::command::naming::{beginning, file_name};
use posthaste::url::Url;
use std::collections::HashSet;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The longest URL that is told as a whole.
const SHOWN: usize = 300;

/// One transfer.
pub struct Target {
    /// What.
    pub url: Url,
    /// Where its body goes.
    pub place: Place,
}

/// Where a body goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// To standard output.
    Stdout,
    /// To something that is no file and stays what it is, such as /dev/null.
    Device(PathBuf),
    /// To a file that is whole or not there.
    File {
        /// In this folder.
        folder: PathBuf,
        /// Under this name.
        name: String,
    },
}

impl Target {
    /// The URL as it is told, which nobody reads to its end if it is long.
    pub fn shown(&self) -> String {
        let url = self.url.to_string();
        let shown = beginning(&url, SHOWN);
        if shown.len() < url.len() { format!("{shown}...") } else { url }
    }

    /// The name of the file that it goes to.
    pub fn file(&self) -> Option<String> {
        match &self.place {
            Place::File { folder, name } if folder == Path::new(".") => Some(name.clone()),
            Place::File { folder, name } => Some(folder.join(name).display().to_string()),
            Place::Stdout | Place::Device(_) => None,
        }
    }

    /// How its progress is called.
    pub fn label(&self) -> String {
        match &self.place {
            Place::File { name, .. } => name.clone(),
            Place::Stdout | Place::Device(_) => file_name(&self.url),
        }
    }
}

/// All targets; `folder` is that of `--out`.
pub fn targets(urls: &[String], flags: &Flags, folder: Option<&str>) -> Result<Vec<Target>, Failure> {
    let target = |(number, text): (usize, &String)| {
        let url = Url::parse(&asked_for(text, flags)).map_err(|error| Failure::Usage(format!("{text}: {error}")))?;
        Ok(Target { place: place(&url, flags.outputs.get(number), flags, folder), url })
    };
    let targets = urls.iter().enumerate().map(target).collect::<Result<Vec<Target>, Failure>>()?;
    check_names(&targets)?;
    make_folders(&targets, flags.create_folders || folder.is_some())?;
    Ok(targets)
}

/// The URL with what the options add to it.
fn asked_for(text: &str, flags: &Flags) -> String {
    let mut text = text.to_owned();
    if let Some(file) = flags.upload.as_deref().filter(|file| *file != "-" && text.ends_with('/')) {
        // A URL without a path ends with the slashes of its scheme.
        let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
        text.push_str(&encoded(&name.unwrap_or_default()));
    }
    if flags.data_in_query && !flags.data.is_empty() {
        let data: String = flags
            .data
            .iter()
            .map(|part| match part {
                super::flags::Part::Text(text) => text.as_str(),
                super::flags::Part::File { .. } => "",
            })
            .collect();
        let (before, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        let sign = if before.contains('?') { '&' } else { '?' };
        text = format!("{before}{sign}{data}{fragment}");
    }
    text
}

fn encoded(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    name.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn place(url: &Url, output: Option<&Output>, flags: &Flags, folder: Option<&str>) -> Place {
    let below = |path: &Path| match &flags.output_folder {
        Some(folder) => Path::new(folder).join(path),
        None => path.to_owned(),
    };
    match (folder, output) {
        (Some(folder), _) => Place::File { folder: folder.into(), name: file_name(url) },
        (None, Some(Output::File(name))) if name == "-" => Place::Stdout,
        (None, Some(Output::File(name))) => of_path(&below(Path::new(name))),
        (None, Some(Output::Named)) => of_path(&below(Path::new(&file_name(url)))),
        (None, None) if flags.all_named => of_path(&below(Path::new(&file_name(url)))),
        (None, None) => Place::Stdout,
    }
}

fn of_path(path: &Path) -> Place {
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_char_device()) {
        return Place::Device(path.to_owned());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    Place::File { folder: folder.to_owned(), name }
}

fn check_names(targets: &[Target]) -> Result<(), Failure> {
    let mut names = HashSet::new();
    for Target { place, .. } in targets {
        let Place::File { folder, name } = place else { continue };
        if name.is_empty() || name == "." || name == ".." {
            return Err(Failure::Usage(format!("{} is no name of a file", folder.join(name).display())));
        }
        if !names.insert((folder, name)) {
            return Err(Failure::Usage(format!("two of the URLs would be written to the same file, {name}")));
        }
    }
    Ok(())
}

fn make_folders(targets: &[Target], are_made: bool) -> Result<(), Failure> {
    for Target { place, .. } in targets {
        let Place::File { folder, .. } = place else { continue };
        let is_there = folder.is_dir();
        if !is_there && !are_made {
            let words = "there is no such folder; --create-dirs makes it";
            return Err(Failure::Coded(23, format!("{}: {words}", folder.display())));
        }
        if !is_there {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::Coded(23, format!("the folder {} cannot be used: {}", folder.display(), plain(&error)))
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::get::flags::Part;

    #[test]
    fn options_say_what_and_where() {
        let place_of = |flags: &Flags| {
            let targets = targets(&["https://a/b/c?d".to_owned()], flags, None).unwrap();
            (targets[0].url.path().to_owned(), targets[0].place.clone())
        };
        let file = |folder: &str, name: &str| Place::File { folder: folder.into(), name: name.into() };
        let output = |output: Output| Flags { outputs: vec![output], ..Flags::default() };
        let plain = "/b/c?d".to_owned();
        assert_eq!(place_of(&Flags::default()), (plain.clone(), Place::Stdout));
        assert_eq!(place_of(&output(Output::File("-".into()))).1, Place::Stdout);
        assert_eq!(place_of(&output(Output::File("/dev/null".into()))).1, Place::Device("/dev/null".into()));
        assert_eq!(place_of(&output(Output::File("x".into()))).1, file(".", "x"));
        assert_eq!(place_of(&output(Output::File("/tmp/x".into()))).1, file("/tmp", "x"));
        assert_eq!(place_of(&output(Output::Named)).1, file(".", "c"));
        let below = Flags { output_folder: Some("/tmp".into()), all_named: true, ..Flags::default() };
        assert_eq!(place_of(&below).1, file("/tmp", "c"));
        let query = Flags { data: vec![Part::Text("e=f".into())], data_in_query: true, ..Flags::default() };
        assert_eq!(place_of(&query).0, "/b/c?d&e=f");
        let put = Flags { upload: Some("x/ä.txt".into()), ..Flags::default() };
        assert_eq!(place_of(&put).0, plain, "only a folder takes the file's name");
        let named = targets(&["https://a/b/".to_owned()], &put, None).unwrap();
        assert_eq!(named[0].url.path(), "/b/%C3%A4.txt");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let said = |flags: Flags, urls: &[&str]| {
            let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
            match targets(&urls, &flags, None).map(|_| ()) {
                Err(Failure::Usage(text) | Failure::Coded(23, text)) => text,
                other => panic!("{other:?}"),
            }
        };
        let named = || Flags { all_named: true, ..Flags::default() };
        assert!(said(named(), &["https://a/x", "https://b/x"]).contains("same file, x"));
        assert!(said(named(), &["x"]).contains("https://"));
        let output = |name: &str| Flags { outputs: vec![Output::File(name.into())], ..Flags::default() };
        assert!(said(output("/no/such/x"), &["https://a/"]).contains("--create-dirs"));
        assert!(said(output(".."), &["https://a/"]).contains("no name of a file"));
    }
}
