//! A recording, played as if it was made now.

use std::{
    path::Path,
    sync::mpsc::{self, Receiver},
    thread::sleep,
    time::Duration,
};

use crate::{error::Result, profile::feed::Feed, recording::Recording, thread};

/// Plays a recording: one of its intervals at once, the next after each pause.
///
/// # Errors
///
/// Those of [`Recording::open`].
pub(crate) fn play(path: &Path, pause: Duration) -> Result<Receiver<Feed>> {
    let mut recording = Recording::open(path)?;
    // The reader is not ahead of what is shown.
    let (sender, feed) = mpsc::sync_channel(0);
    thread::start("replay", move || {
        for interval in recording.by_ref() {
            if sender.send(Feed::Interval(Box::new(interval))).is_err() {
                return;
            }
            sleep(pause);
        }
        let damage = recording.notes().collect::<Vec<_>>();
        let reason = match (damage.is_empty(), recording.end()) {
            (false, _) => damage.join("; "),
            (true, Some(end)) if !end.reason.is_empty() => {
                format!("end of the recording: {}", end.reason)
            }
            (true, _) => "end of the recording".to_owned(),
        };
        // Without a receiver there is nobody to tell.
        let _ = sender.send(Feed::Ended(reason));
    })?;
    Ok(feed)
}
