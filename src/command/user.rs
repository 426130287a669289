//! The user that a server becomes: from names to the numbers of `/etc/passwd` and `/etc/group`.

use crate::command::failure::Failure;
use std::fs;

/// The numbers that the system knows a user by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    number: u32,
    group: u32,
    /// The other groups that list the user.
    groups: Vec<u32>,
}

impl User {
    /// Looks names up, or takes numbers as they are. A user without an entry has no groups but the one that is named.
    pub fn find(name: &str, group: Option<&str>) -> Result<User, Failure> {
        let (users, groups) = (read("/etc/passwd")?, read("/etc/group")?);
        find(name, group, &users, &groups).map_err(Failure::Failed)
    }

    /// The process is this user from now on.
    pub fn enter(&self) -> Result<(), Failure> {
        let entered = runtime::privileges::become_user(self.number, self.group, &self.groups);
        entered.map_err(|error| {
            let (user, group) = (self.number, self.group);
            Failure::Failed(format!(
                "--user: the server could not become user {user} of group {group}: {error}\n  only root may; otherwise start it \
                 as that user"
            ))
        })
    }
}

fn read(file: &str) -> Result<String, Failure> {
    let bytes =
        fs::read(file).map_err(|error| Failure::Failed(format!("--user: {file} could not be read: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn find(name: &str, group: Option<&str>, users: &str, groups: &str) -> Result<User, String> {
    let entry = lines(users).find(|entry| entry.first() == Some(&name));
    let number_at = |entry: &[&str], place: usize| entry.get(place).and_then(|text| text.parse::<u32>().ok());
    let known = entry.and_then(|entry| Some((number_at(&entry, 2)?, number_at(&entry, 3)?)));
    let (number, own_group) = match (known, name.parse()) {
        (Some((number, group)), _) => (number, Some(group)),
        (None, Ok(number)) => (number, None),
        (None, Err(_)) => return Err(format!("--user: there is no user {name:?} in /etc/passwd")),
    };
    let group_number = |name: &str| {
        let entry = lines(groups).find(|entry| entry.first() == Some(&name));
        entry.and_then(|entry| number_at(&entry, 2)).or_else(|| name.parse().ok())
    };
    let group = match group {
        Some(group) => {
            group_number(group).ok_or_else(|| format!("--user: there is no group {group:?} in /etc/group"))?
        }
        None => own_group.ok_or_else(|| {
            format!("--user: user {name} has no entry in /etc/passwd: name a group as well, {name}:GROUP")
        })?,
    };
    let lists = |entry: &&[&str]| entry.get(3).is_some_and(|members| members.split(',').any(|member| member == name));
    let listing: Vec<Vec<&str>> = lines(groups).collect();
    let groups = listing.iter().map(Vec::as_slice).filter(lists).filter_map(|entry| number_at(entry, 2)).collect();
    Ok(User { number, group, groups })
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0::/root:/bin/sh\nbroken\nwww:x:33:34::/:/bin/false\n";
    const GROUPS: &str = "root:x:0:\nweb:x:34:\ncerts:x:40:other,www\nlogs:x:41:www\nodd:x\n";

    fn user(number: u32, group: u32, groups: &[u32]) -> User {
        User { number, group, groups: groups.to_vec() }
    }

    #[test]
    fn names_and_numbers() {
        let find = |name, group| find(name, group, USERS, GROUPS);
        assert_eq!(find("www", None), Ok(user(33, 34, &[40, 41])));
        assert_eq!(find("www", Some("certs")), Ok(user(33, 40, &[40, 41])));
        assert_eq!(find("www", Some("7")), Ok(user(33, 7, &[40, 41])));
        assert_eq!(find("1000", Some("1000")), Ok(user(1000, 1000, &[])));
        for (name, group, part) in [
            ("nobody-here", None, "no user \"nobody-here\""),
            ("broken", None, "no user"),
            ("1000", None, "1000:GROUP"),
            ("www", Some("none"), "no group \"none\""),
            ("-1", Some("1"), "no user"),
        ] {
            let error = find(name, group).unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
