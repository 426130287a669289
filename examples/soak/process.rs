//! What a process says.

use std::io::Read;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};

/// What a process writes to standard error, gathered by a thread.
pub fn gather(child: &mut Child) -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    if let Some(mut stream) = child.stderr.take() {
        let said = said.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..len).unwrap_or(&[])).into_owned();
                said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
    }
    said
}

pub fn text(said: &Mutex<String>) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
