//! What stalls says.

use serde_json::Value;

use super::{SOON, Stage, until};

impl Stage {
    /// The lines so far of the current run whose message begins like this.
    pub(crate) fn lines(&self, message: &str) -> Vec<Value> {
        self.stalls().log_lines().into_iter().filter(|line| says(line, message)).collect()
    }

    /// Waits for a line of the current run whose message begins like this.
    #[track_caller]
    pub(crate) fn line(&self, message: &str) -> impl Future<Output = Value> {
        self.line_after(0, message)
    }

    /// Waits for a line after this mark (`stalls().log_mark()`).
    #[track_caller]
    pub(crate) fn line_after(&self, mark: usize, message: &str) -> impl Future<Output = Value> {
        self.stalls().await_log_from(mark, move |line| says(line, message), SOON)
    }

    /// Waits until this has been said so many times in the current run; more often it may not have been.
    pub(crate) async fn expect_lines(&self, message: &str, times: usize) {
        until(message, || self.lines(message).len() >= times).await;
        assert_eq!(self.lines(message).len(), times, "{message}");
    }

    /// How each plan of the current run was applied so far, in order.
    pub(crate) fn steps(&self) -> Vec<String> {
        let steps = self.lines("plan applied").into_iter();
        steps.map(|line| line["step"].as_str().expect("each has a name").to_owned()).collect()
    }

    /// The plans of the current run have all been applied by the process that it has started, or found, first.
    #[track_caller]
    pub(crate) fn assert_no_handover(&self) {
        let processes = self.lines("haproxy serves").len() + self.lines("haproxy adopted").len();
        assert_eq!(processes, 1, "there was another HAProxy");
        let steps = self.steps();
        let reload = steps.iter().find(|step| !["start", "nothing", "runtime"].contains(&step.as_str()));
        assert_eq!(reload, None, "a plan was applied in another way");
    }

    /// Nothing was said in the current run that a person would have to look after.
    #[track_caller]
    pub(crate) fn assert_calm(&self) {
        let is_calm = |line: &&Value| ["debug", "info"].iter().any(|level| line["level"] == **level);
        let lines = self.stalls().log_lines();
        let first = lines.iter().find(|line| !is_calm(line));
        assert_eq!(first, None, "the log has a line above info");
    }
}

fn says(line: &Value, message: &str) -> bool {
    line["msg"].as_str().is_some_and(|said| said.starts_with(message))
}
