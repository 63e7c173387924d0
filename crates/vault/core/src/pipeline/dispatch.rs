//! Stage 5: the engine does what was asked.

use arca_base::Operation;

use super::record::Recorded;
use super::refuse::Refusal;
use super::trace::Trace;
use crate::engine::Answer;
use crate::fault::Fault;
use crate::help;

/// A request that its engine has answered.
pub struct Answered {
    pub(super) recorded: Recorded,
    pub(super) answer: Answer,
}

pub(crate) async fn run(recorded: Recorded) -> Result<Answered, Box<Refusal>> {
    match call(&recorded).await {
        Ok(answer) => Ok(Answered { recorded, answer }),
        Err(fault) => Err(Refusal::of_recorded(recorded, fault)),
    }
}

async fn call(recorded: &Recorded) -> Result<Answer, Fault> {
    let authorized = &recorded.authorized;
    let admitted = &authorized.authenticated.admitted;
    let routed = admitted.route.as_ref().map_err(Fault::again)?;
    if authorized.operation == Operation::Help {
        return help::on(&*routed.engine, &routed.mount, &routed.path);
    }
    let cx = admitted.cx(
        routed,
        authorized.operation,
        authorized.authenticated.caller.as_ref(),
    );
    routed
        .engine
        .call(routed.index, cx, &admitted.incoming.data)
        .await
}

impl Answered {
    pub(super) fn trace(&self) -> Trace<'_> {
        self.recorded.trace()
    }
}
