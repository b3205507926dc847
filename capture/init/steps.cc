// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/steps.h"

#include <sys/wait.h>

#include <cinttypes>

#include "capture/init/clock.h"

namespace crashdump {
namespace {

Result<> RunInInit(InitContext& init, const Step& step) {
  init.guard.Expect(step.deadline_ms, NowMs());
  Result<> done = step.run(init);
  init.guard.Expect(kGuardMs, NowMs());
  return done;
}

Result<> RunInChild(InitContext& init, const Step& step) {
  const ChildProcess child = TRY(ChildProcess::Call([&] {
    const Result<> done = step.run(init);
    if (!done.ok()) Note(init, "%s: %s", step.name, done.error().text());
    return done.ok();
  }));
  const std::optional<int> status = WaitForEnd(init, child, NowMs() + step.deadline_ms);
  if (!status) {
    // Whether it dies is not waited for: it hangs in the kernel, and there is something better to do.
    child.Kill();
    return Error::Format(ErrorCode::kTimeout, "not done after %" PRIu64 " s", step.deadline_ms / 1000);
  }
  if (WIFSIGNALED(*status)) return Error::Format(ErrorCode::kOs, "ended by signal %d", WTERMSIG(*status));
  if (*status != 0) return Error::Format(ErrorCode::kOs, "failed");
  return {};
}

}  // namespace

Result<> RunSteps(InitContext& init, std::span<const Step> steps) {
  for (const Step& step : steps) {
    const Result<> done = step.place == Step::Place::kChild ? RunInChild(init, step) : RunInInit(init, step);
    if (done.ok()) continue;
    if (step.need == Step::Need::kRequired) return done.error().Prefixed("%s", step.name);
    Note(init, "%s: %s", step.name, done.error().text());
  }
  return {};
}

}  // namespace crashdump
