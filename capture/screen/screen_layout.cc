// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/screen/screen_layout.h"

#include <algorithm>

namespace crashdump {
namespace {

constexpr std::string_view kHeadline = "The Linux kernel of this machine has crashed.";
constexpr std::string_view kAdvice = "Its memory is being saved. Please do not switch the machine off.";
// Longer lines are hard to read on a wide screen.
constexpr size_t kWidest = 120;
// Names before the facts, as wide as the longest.
constexpr size_t kLabelColumns = 10;
constexpr size_t kLeastTraceRows = 2;
constexpr unsigned kMargin = 2;
// Beside a QR code. On a screen of 128 columns this leaves one its version 9, 230 bytes.
constexpr unsigned kLeastTextColumns = 60;
constexpr unsigned kGap = 2;

class Block {
 public:
  explicit Block(size_t columns) : columns_(columns) {}

  void Blank() { rows_.emplace_back(); }
  void Text(std::string_view text) {
    if (text.empty()) return;
    for (std::string& line : WrapWords(text, columns_)) rows_.push_back(std::move(line));
  }
  // The label stands before the first line; the others are indented as far.
  void Fact(std::string_view label, std::string_view text) {
    if (text.empty()) return;
    std::string before(label);
    before.resize(kLabelColumns, ' ');
    for (const std::string& line : WrapWords(text, columns_ > kLabelColumns ? columns_ - kLabelColumns : 1)) {
      Cut(before + line);
      before.assign(kLabelColumns, ' ');
    }
  }
  void Bar(unsigned percent) {
    constexpr size_t kFrame = 9;  // "[", "]  100 %"
    const size_t cells = columns_ > kFrame ? columns_ - kFrame : 0;
    const size_t full = cells * std::min(percent, 100U) / 100;
    std::string number = std::to_string(std::min(percent, 100U));
    number.insert(0, 5 - number.size(), ' ');
    Cut("[" + std::string(full, '#') + std::string(cells - full, '.') + "]" + number + " %");
  }
  void Cut(const std::string& text) { rows_.push_back(text.substr(0, columns_)); }

  const std::vector<std::string>& rows() const { return rows_; }
  size_t size() const { return rows_.size(); }

 private:
  size_t columns_;
  std::vector<std::string> rows_;
};

Block Head(const ScreenContent& content, ScreenSize size, size_t columns) {
  Block block(columns);
  if (size.rows >= 20) block.Blank();
  block.Text(kHeadline);
  if (content.outcome.empty() && content.question.empty()) block.Text(kAdvice);
  block.Blank();
  block.Text(content.panic);
  return block;
}

Block Cause(const ScreenContent& content, size_t columns) {
  Block block(columns);
  block.Text(content.cause);
  return block;
}

// In `room` rows: a blank one, the heading, the entries, and if need be one for how many there are more.
Block Trace(const ScreenContent& content, size_t room, size_t columns) {
  Block block(columns);
  if (content.trace.empty() || room < 2 + kLeastTraceRows) return block;
  block.Blank();
  block.Cut("Call trace");
  room -= block.size();
  const size_t shown = content.trace.size() <= room ? content.trace.size() : room - 1;
  for (size_t i = 0; i < shown; ++i) block.Cut("  " + content.trace[i]);
  if (shown < content.trace.size()) block.Cut("  and " + std::to_string(content.trace.size() - shown) + " more");
  return block;
}

// The last of them, under the same conditions.
Block Messages(const ScreenContent& content, size_t room, size_t columns) {
  Block block(columns);
  if (content.messages.empty() || room < 2 + kLeastTraceRows) return block;
  block.Blank();
  block.Cut("Last messages");
  room -= block.size();
  constexpr std::string_view kIndent = "  ";
  Block all(columns);
  for (const std::string& message : content.messages) {
    for (const std::string& line : WrapWords(message, columns - kIndent.size())) all.Cut(std::string(kIndent) + line);
  }
  const size_t shown = std::min(all.size(), room);
  for (size_t i = all.size() - shown; i < all.size(); ++i) block.Cut(all.rows()[i]);
  return block;
}

Block Facts(const ScreenContent& content, size_t columns) {
  Block block(columns);
  block.Blank();
  block.Fact("Kernel", content.kernel);
  block.Fact("Machine", content.machine);
  block.Fact("Running", content.process);
  return block;
}

Block Doings(const ScreenContent& content, size_t columns) {
  Block block(columns);
  block.Blank();
  block.Fact("Saved to", content.target);
  for (const std::string& line : content.question) block.Text(line);
  if (content.outcome.empty() && content.question.empty()) {
    block.Text(content.activity);
    if (content.percent) block.Bar(*content.percent);
    block.Text(content.progress);
  }
  for (const std::string& line : content.outcome) block.Text(line);
  block.Text(content.footer);
  return block;
}

// In the upper right corner, below a blank row.
void AddCode(const QrCode& code, ScreenSize size, std::vector<std::string>& rows) {
  for (unsigned y = 0; y < code.modules(); y += 2) {
    std::string& row = rows[1 + y / 2];
    row.resize(size.columns - kMargin - code.modules(), ' ');
    for (unsigned x = 0; x < code.modules(); ++x) {
      row += kModulePairs[(code.IsDark(x, y) ? 1U : 0U) + (code.IsDark(x, y + 1) ? 2U : 0U)];
    }
  }
}

}  // namespace

std::vector<std::string> WrapWords(std::string_view text, size_t columns) {
  columns = std::max<size_t>(columns, 1);
  std::vector<std::string> lines;
  while (text.size() > columns) {
    // A blank right behind the last column breaks the line as well.
    const size_t blank = text.rfind(' ', columns);
    const bool between_words = blank != std::string_view::npos && text.find_first_not_of(' ') < blank;
    lines.emplace_back(text.substr(0, between_words ? blank : columns));
    text.remove_prefix(between_words ? blank + 1 : columns);
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

unsigned RoomForCode(ScreenSize size) {
  constexpr unsigned kTaken = 2 * kMargin + kLeastTextColumns + kGap;
  if (size.columns <= kTaken || size.rows <= 2) return 0;
  return std::min(size.columns - kTaken, 2 * (size.rows - 2));
}

std::vector<std::string> LayOutScreen(const ScreenContent& content, ScreenSize size, const QrCode& code) {
  const bool has_code = code.modules() > 0 && code.modules() <= RoomForCode(size);
  const size_t margin = size.columns >= 40 ? kMargin : 0;
  const size_t columns = std::min(kWidest, size.columns - 2 * margin - (has_code ? code.modules() + kGap : 0));
  std::vector<std::string> rows;
  size_t left = size.rows;
  const auto add = [&](const Block& block, size_t count) {
    rows.insert(rows.end(), block.rows().begin(), block.rows().begin() + static_cast<ptrdiff_t>(count));
  };

  // In the order of their worth, each takes what it needs of what is left; facts about the machine all or nothing.
  const Block head = Head(content, size, columns);
  const size_t of_head = std::min(head.size(), left);
  left -= of_head;
  const Block doings = Doings(content, columns);
  const size_t of_doings = std::min(doings.size(), left);
  left -= of_doings;
  const Block cause = Cause(content, columns);
  const size_t of_cause = std::min(cause.size(), left);
  left -= of_cause;
  const Block facts = Facts(content, columns);
  const size_t of_facts = facts.size() <= left ? facts.size() : 0;
  left -= of_facts;
  const Block trace = Trace(content, left, columns);
  left -= trace.size();
  const Block messages = Messages(content, left, columns);

  add(head, of_head);
  add(cause, of_cause);
  add(facts, of_facts);
  add(trace, trace.size());
  add(messages, messages.size());
  add(doings, of_doings);
  rows.resize(size.rows);
  for (std::string& row : rows) {
    if (!row.empty()) row.insert(0, margin, ' ');
  }
  if (has_code) AddCode(code, size, rows);
  return rows;
}

}  // namespace crashdump
