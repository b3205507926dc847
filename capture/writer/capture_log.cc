// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_log.h"

#include <algorithm>

#include "common/base/text_record.h"
#include "common/vmcore/printable_text.h"

namespace crashdump {

std::string OneLine(std::string_view text) {
  std::string line = EscapeControl(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\t', ' ');
  return line;
}

void CaptureLog::Add(std::string_view line) {
  const std::string clean = OneLine(line);
  if (clean.size() + 1 > kMaxBytes - text_.size()) {
    ++dropped_;
    return;
  }
  text_ += clean;
  text_ += '\n';
}

std::string CaptureLog::ToRecord() const {
  TextRecord record;
  std::string_view rest = text_;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    record.Add("log", rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (dropped_ != 0) record.AddNumber("log_lines_dropped", dropped_);
  return record.ToString();
}

}  // namespace crashdump
