// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/capture_view.h"

#include <cinttypes>

#include "capture/init/printable.h"

namespace crashdump {
namespace {

using Kind = StatusLine::Kind;

// As many of the panic messages, and of the facts about the crash, as the consoles show in any case.
constexpr uint32_t kMostMessages = 100;
constexpr uint32_t kMostFacts = 64;

const char* Label(Kind kind) {
  switch (kind) {
    case Kind::kStage:
      return "stage";
    case Kind::kTarget:
      return "target";
    case Kind::kResult:
      return "result";
    case Kind::kFailed:
      return "failed";
    case Kind::kCrash:
      return "crash";
    case Kind::kConfirm:
      return "proven";
    case Kind::kMessagesSafe:
    case Kind::kProgress:
    case Kind::kNote:
    case Kind::kMessage:
      break;
  }
  return "note";
}

// For the screen, what a stage of the capture is (capture/README.md).
std::string_view Activity(std::string_view stage) {
  if (stage == "vmcore") return "Reading the messages of the kernel that crashed";
  if (stage == "target") return "Looking for the disk, and making sure that it is the right one";
  if (stage == "messages") return "Saving the messages";
  if (stage == "count") return "The messages are saved. Counting the memory in use";
  if (stage == "pages") return "The messages are saved. Saving the memory";
  return stage;
}

}  // namespace

void CaptureView::OnLine(const StatusLine& line, uint64_t now_ms) {
  if (line.kind == Kind::kProgress) {
    const std::optional<ProgressText> shown = progress_.Update(line.progress, now_ms);
    if (!shown) return;
    init_.console.Line("%u %%, %s", shown->percent, shown->details.c_str());
    init_.screen.content.percent = shown->percent;
    init_.screen.content.progress = shown->details;
    return;
  }
  ShowOnScreen(line);
  // The panic messages of a capture that is refused get nowhere but here, so they are not to be thinned out.
  if (line.kind == Kind::kMessage && messages_shown_ < kMostMessages) {
    ++messages_shown_;
    init_.console.Line("| %.*s", static_cast<int>(line.text.size()), line.text.data());
    return;
  }
  const bool is_fact = line.kind == Kind::kCrash && facts_shown_++ < kMostFacts;
  const bool comes_once = line.kind == Kind::kResult || line.kind == Kind::kFailed || line.kind == Kind::kTarget ||
                          line.kind == Kind::kMessagesSafe || line.kind == Kind::kConfirm;
  if (!comes_once && !is_fact && !limiter_.Allow(now_ms)) return;
  const uint64_t dropped = limiter_.TakeDropped();
  if (dropped > 0) init_.console.Line("(%" PRIu64 " lines not shown)", dropped);
  if (line.kind == Kind::kMessagesSafe) {
    init_.console.Line("the panic messages are safe");
  } else {
    init_.console.Line("%s: %.*s", Label(line.kind), static_cast<int>(line.text.size()), line.text.data());
  }
}

void CaptureView::ShowOnScreen(const StatusLine& line) {
  ScreenContent& content = init_.screen.content;
  if (line.kind == Kind::kCrash) init_.screen.SetFact(line.text);
  if (line.kind == Kind::kTarget) content.target = Printable(line.text);
  if (line.kind == Kind::kMessage && content.messages.size() < kMostMessages) {
    content.messages.push_back(Printable(line.text));
  }
  if (line.kind == Kind::kStage) content.activity = Printable(Activity(line.text));
}

}  // namespace crashdump
