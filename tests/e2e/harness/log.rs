//! The log of stalls.

use serde_json::Value;
use stalls_lab::stalls::{
    Told,
    messages::{ADOPTED, PLAN_APPLIED, SERVES},
};

use super::{SOON, Stage, until};

impl Stage {
    /// The lines so far of the current run that say this.
    pub(crate) fn lines(&self, message: &str) -> Vec<Value> {
        self.stalls().log_lines().into_iter().filter(|line| says(line, message)).collect()
    }

    /// Waits for a line of the current run that says this.
    #[track_caller]
    pub(crate) fn line(&self, message: &str) -> impl Future<Output = Value> {
        self.line_after(0, message)
    }

    /// Waits for a line after this mark (`stalls().log_mark()`).
    #[track_caller]
    pub(crate) fn line_after(&self, mark: usize, message: &str) -> impl Future<Output = Value> {
        self.stalls().await_log_from(mark, move |line| says(line, message), SOON)
    }

    /// Waits until stalls has decided what the newest version of the world means for the ports; the log then has the
    /// right container for each port.
    #[track_caller]
    pub(crate) fn decided(&self) -> impl Future<Output = ()> {
        self.followed(|_| Some(()))
    }

    /// Waits until HAProxy serves the decision upon the newest version of the world; returns the line that says so,
    /// never that of an earlier change.
    #[track_caller]
    pub(crate) fn applied(&self) -> impl Future<Output = Value> {
        self.followed(|told| told.applied().cloned())
    }

    #[track_caller]
    fn followed<T>(&self, enough: impl Fn(&Told) -> Option<T>) -> impl Future<Output = T> {
        let (version, assignments) = (self.server.version(), self.assignments());
        let follows = move |told: &Told| told.follows(&version, &assignments);
        self.stalls().await_told(move |told| enough(told).filter(|_| follows(told)), SOON)
    }

    /// Waits until a plan is applied by a reload: the only one of the current run, or the first after this mark.
    #[track_caller]
    pub(crate) fn reload_after(&self, mark: usize) -> impl Future<Output = Value> {
        let is_reload = |line: &Value| says(line, PLAN_APPLIED) && line["step"] == "reload";
        self.stalls().await_log_from(mark, is_reload, SOON)
    }

    /// Waits until the current run has logged this so many times; it may not have logged it more often.
    pub(crate) async fn expect_lines(&self, message: &str, times: usize) {
        until(message, || self.lines(message).len() >= times).await;
        assert_eq!(self.lines(message).len(), times, "{message}");
    }

    /// How each plan of the current run was applied so far, in order.
    pub(crate) fn steps(&self) -> Vec<String> {
        let steps = self.lines(PLAN_APPLIED).into_iter();
        steps.map(|line| line["step"].as_str().expect("each has a name").to_owned()).collect()
    }

    /// One HAProxy process has applied all plans of the current run: the first that stalls has started or adopted.
    #[track_caller]
    pub(crate) fn assert_no_reload(&self) {
        let processes = self.lines(SERVES).len() + self.lines(ADOPTED).len();
        assert_eq!(processes, 1, "there was another HAProxy");
        let steps = self.steps();
        let reload = steps.iter().find(|step| !["start", "nothing", "runtime"].contains(&step.as_str()));
        assert_eq!(reload, None, "a plan was applied by a reload");
    }

    /// The current run has logged no warning or error.
    #[track_caller]
    pub(crate) fn assert_calm(&self) {
        let is_calm = |line: &&Value| ["debug", "info"].iter().any(|level| line["level"] == **level);
        let lines = self.stalls().log_lines();
        let first = lines.iter().find(|line| !is_calm(line));
        assert_eq!(first, None, "the log has a line above info");
    }
}

fn says(line: &Value, message: &str) -> bool {
    line["msg"] == message
}
