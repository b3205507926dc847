// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/panic_excerpt.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr std::string_view kPanic = "Kernel panic - not syncing";
constexpr std::string_view kCallTrace = "Call Trace:";
constexpr std::string_view kHardware = "Hardware name: ";
// A fault with its registers, code and modules takes some 60 lines; a panic has its own trace right behind it.
constexpr unsigned kLinesOfFault = 200;
constexpr unsigned kLinesOfPanic = 8;
// Registers between two parts of a trace.
constexpr unsigned kLinesBetween = 24;
// A fault that led to a panic is not longer before it: a slow console has a part in that.
constexpr uint64_t kFarSeconds = 10;

// How faults begin: arch/x86/mm/fault.c, arch/x86/kernel/traps.c, arch/powerpc/mm/fault.c, arch/powerpc/kernel/traps.c,
// lib/bug.c, kernel/watchdog.c, kernel/watchdog_hld.c, kernel/hung_task.c; 6.1.
constexpr std::array<std::string_view, 18> kFaults = {
    "BUG: ",
    "kernel BUG at ",
    "Oops: ",
    "Oops - ",
    "general protection fault",
    "divide error: ",
    "invalid opcode: ",
    "stack segment: ",
    "double fault: ",
    "int3: ",
    "bounds: ",
    "PANIC: ",
    "Unable to handle kernel ",
    "Kernel attempted to ",
    "watchdog: BUG: ",
    "watchdog: Watchdog detected ",
    "NMI watchdog: Watchdog detected ",
    "INFO: task ",
};
// What ends a call trace of the kernel, or what stands behind one.
constexpr std::array<std::string_view, 8> kBehindTrace = {
    "RIP: 0033:", "RIP: 002b:", "Modules linked in", "---[ ", "Kernel ", "CR2: ", "CPU: ", "Call Trace:"};

template <size_t kCount>
bool BeginsWithOneOf(std::string_view line, const std::array<std::string_view, kCount>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return line.starts_with(word); });
}

// Takes "[    1.234567] ", and in a plain buffer "<6>" before it, off the line; returns the seconds, if they are there.
std::optional<uint64_t> TakeStamp(std::string_view& line) {
  line = TrimSpace(line);
  if (line.size() > 3 && line[0] == '<' && line[2] == '>') line.remove_prefix(3);
  const size_t end = line.starts_with('[') ? line.find_first_not_of(" .0123456789", 1) : std::string_view::npos;
  if (end == std::string_view::npos || line[end] != ']') return std::nullopt;
  const std::string_view stamp = TrimSpace(line.substr(1, end - 1));
  line = TrimSpace(line.substr(end + 1));
  const Result<uint64_t> seconds = ParseNumber(stamp.substr(0, stamp.find('.')));
  return seconds.ok() ? std::optional(seconds.value()) : std::nullopt;
}

// The lines of a text, from some place in it in both directions.
class Lines {
 public:
  Lines(std::string_view text, size_t inside) : text_(text) { MoveTo(inside); }

  std::string_view line() const { return line_; }
  std::optional<uint64_t> seconds() const { return seconds_; }
  size_t begin() const { return begin_; }
  bool Next() {
    if (end_ + 1 >= text_.size()) return false;
    MoveTo(end_ + 1);
    return true;
  }
  bool Previous() {
    if (begin_ == 0) return false;
    MoveTo(begin_ - 1);
    return true;
  }
  // Goes on until a line begins with the word, `most` lines at most.
  bool FindNext(std::string_view word, unsigned most) {
    for (unsigned i = 0; i < most && Next(); ++i) {
      if (line_.starts_with(word)) return true;
    }
    return false;
  }

 private:
  void MoveTo(size_t inside) {
    const size_t before = inside == 0 ? std::string_view::npos : text_.rfind('\n', inside - 1);
    begin_ = before == std::string_view::npos ? 0 : before + 1;
    end_ = std::min(text_.find('\n', begin_), text_.size());
    line_ = text_.substr(begin_, end_ - begin_);
    seconds_ = TakeStamp(line_);
  }

  std::string_view text_;
  size_t begin_ = 0;
  size_t end_ = 0;
  std::string_view line_;
  std::optional<uint64_t> seconds_;
};

// Where the last line is that begins with `words`. In the middle of a line they are somebody else's. A line may be
// long and hold them many times: only what could be a stamp before them is looked at.
std::optional<Lines> LastLine(std::string_view text, std::string_view words) {
  constexpr size_t kLongestStamp = 40;
  for (size_t at = text.rfind(words); at != std::string_view::npos; at = text.rfind(words, at - 1)) {
    const size_t from = at > kLongestStamp ? at - kLongestStamp : 0;
    std::string_view before = text.substr(from, at - from);
    const size_t newline = before.rfind('\n');
    const bool begins = newline != std::string_view::npos || from == 0;
    if (newline != std::string_view::npos) before.remove_prefix(newline + 1);
    (void)TakeStamp(before);
    if (begins && before.empty()) return Lines(text, at);
    if (at == 0) break;
  }
  return std::nullopt;
}

// The first line of the last fault before `lines`, which ends in one "---[ end trace" at most. What lies before another
// such line, or long before, is another fault's.
std::optional<Lines> FaultBefore(Lines lines) {
  std::optional<Lines> fault;
  const std::optional<uint64_t> end = lines.seconds();
  unsigned ends = 0;
  for (unsigned i = 0; i < kLinesOfFault && lines.Previous(); ++i) {
    if (lines.line().starts_with("---[ end trace") && ++ends == 2) break;
    if (end && lines.seconds() && *lines.seconds() + kFarSeconds < *end) break;
    if (lines.line().starts_with(kPanic)) break;
    if (BeginsWithOneOf(lines.line(), kFaults)) fault = lines;
  }
  return fault;
}

// "name+0x10/0x20" out of an entry: powerpc has "[stack] [address] " before it. Empty if it is none.
std::string_view FunctionOf(std::string_view entry) {
  while (!entry.empty() && entry[0] == '[') {
    entry.remove_prefix(std::min(entry.find(']'), entry.size() - 1) + 1);
    entry = TrimSpace(entry);
  }
  const std::string_view name = entry.substr(entry.starts_with("? ") ? 2 : 0);
  return name.substr(0, name.find(' ')).find("+0x") == std::string_view::npos ? std::string_view() : entry;
}

// "RIP: 0010:name+0x0/0x1", "EIP: name+0x0/0x1", "NIP [c000000000000000] name+0x0/0x1": where a fault or an interrupt
// was, which the trace behind it does not repeat. Empty if the line is none of them.
std::string_view InstructionOf(std::string_view line) {
  if (line.starts_with("RIP: ")) return FunctionOf(line.substr(std::min(line.find(':', 5), line.size() - 1) + 1));
  if (line.starts_with("EIP: ") || line.starts_with("NIP [")) return FunctionOf(TrimSpace(line.substr(4)));
  return {};
}

// `lines` stands on "Call Trace:".
void AddTrace(Lines lines, std::vector<std::string>& trace) {
  unsigned between = 0;
  while (trace.size() < kMostTraceEntries && between < kLinesBetween && lines.Next()) {
    const std::string_view line = lines.line();
    if (BeginsWithOneOf(line, kBehindTrace)) return;
    std::string_view function = FunctionOf(line);
    if (function.empty()) function = InstructionOf(line);
    between = function.empty() ? between + 1 : 0;
    if (!function.empty() && !function.starts_with("? ")) trace.emplace_back(function);
  }
}

// "CPU: 2 PID: 412 Comm: sh Not tainted 6.1.0 ...", without what it says of the kernel.
std::string_view ProcessIn(std::string_view line) {
  for (const std::string_view behind : {" Kdump: loaded", " Not tainted", " Tainted: "}) {
    line = line.substr(0, line.rfind(behind));
  }
  return TrimSpace(line);
}

// What follows the line of a panic or a fault, in the order in which the kernel writes it.
void AddWhatFollows(const Lines& lines, unsigned most, PanicExcerpt& excerpt) {
  Lines found = lines;
  if (found.FindNext("CPU: ", most)) excerpt.process = ProcessIn(found.line());
  found = lines;
  if (!found.FindNext(kCallTrace, most)) return;
  const size_t trace = found.begin();
  for (Lines at = lines; at.Next() && at.begin() < trace;) {
    if (const std::string_view function = InstructionOf(at.line()); !function.empty() && excerpt.trace.empty()) {
      excerpt.trace.emplace_back(function);
    }
  }
  AddTrace(found, excerpt.trace);
}

// How the panic shows itself says nothing of why.
void LeavePanicItselfOut(std::vector<std::string>& trace) {
  for (const std::string_view name : {"panic+", "nmi_panic+"}) {
    const auto found =
        std::find_if(trace.begin(), trace.end(), [&](const std::string& entry) { return entry.starts_with(name); });
    if (found != trace.end()) trace.erase(trace.begin(), found + 1);
  }
}

}  // namespace

PanicExcerpt FindPanicExcerpt(std::string_view messages) {
  PanicExcerpt excerpt;
  if (messages.empty()) return excerpt;
  if (const auto hardware = LastLine(messages, kHardware)) excerpt.machine = hardware->line().substr(kHardware.size());
  const std::optional<Lines> panic = LastLine(messages, kPanic);
  // Behind an oops the kernel starts the capture kernel before it calls that a panic (arch/x86/kernel/dumpstack.c,
  // oops_end(), arch/powerpc/kernel/traps.c, oops_end(); 6.1): then the fault is all that there is.
  const std::optional<Lines> fault = FaultBefore(Lines(messages, messages.size()));
  if (fault && (!panic || panic->begin() < fault->begin())) {
    excerpt.panic = fault->line();
    AddWhatFollows(*fault, kLinesOfFault, excerpt);
    return excerpt;
  }
  if (!panic) return excerpt;
  excerpt.panic = panic->line();
  const std::optional<Lines> cause = FaultBefore(*panic);
  if (cause) excerpt.cause = cause->line();
  AddWhatFollows(*panic, kLinesOfPanic, excerpt);
  LeavePanicItselfOut(excerpt.trace);
  // A panic behind a fault leaves the trace to that (kernel/panic.c, 6.1, panic()).
  if (cause && excerpt.trace.empty()) AddWhatFollows(*cause, kLinesOfFault, excerpt);
  return excerpt;
}

}  // namespace crashdump
