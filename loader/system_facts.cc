// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/system_facts.h"

#include <sys/swap.h>

#include <algorithm>

#include "common/base/parse.h"
#include "common/base/units.h"
#include "loader/busy.h"

// Not in every libc's <sys/swap.h>; values of Linux include/linux/swap.h.
#ifndef SWAP_FLAG_DISCARD_ONCE
#define SWAP_FLAG_DISCARD_ONCE 0x20000
#endif
#ifndef SWAP_FLAG_DISCARD_PAGES
#define SWAP_FLAG_DISCARD_PAGES 0x40000
#endif

namespace crashdump {
namespace {

// Removes the first line from `text` and returns it.
std::string_view TakeLine(std::string_view& text) {
  const size_t length = text.find('\n');
  const std::string_view line = text.substr(0, length);
  text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
  return line;
}

std::vector<std::string_view> SplitBlanks(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const size_t length = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, length));
    line.remove_prefix(length);
  }
}

bool IsOctal(char character) { return character >= '0' && character <= '7'; }

// "\040" is a blank, as in /proc/swaps and fstab.
std::string Unescape(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
        IsOctal(text[i + 3])) {
      result.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

Result<int> ParsePriority(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  const uint64_t value = TRY(ParseNumber(negative ? text.substr(1) : text));
  if (value > 32768) return Error::Format(ErrorCode::kCorrupt, "a swap priority of %s", std::string(text).c_str());
  return negative ? -static_cast<int>(value) : static_cast<int>(value);
}

}  // namespace

Result<uint64_t> MemoryInfo(std::string_view meminfo, std::string_view name) {
  while (!meminfo.empty()) {
    const std::vector<std::string_view> words = SplitBlanks(TakeLine(meminfo));
    if (words.size() < 2 || words[0].size() != name.size() + 1 || words[0].substr(0, name.size()) != name) continue;
    const uint64_t kibibytes = TRY(ParseNumber(words[1]), "/proc/meminfo: %s", std::string(name).c_str());
    return kibibytes * kKiB;
  }
  return Error::Format(ErrorCode::kNotFound, "/proc/meminfo has no %s", std::string(name).c_str());
}

Result<std::vector<ActiveSwap>> ParseSwaps(std::string_view swaps) {
  std::vector<ActiveSwap> result;
  (void)TakeLine(swaps);  // headings
  while (!swaps.empty()) {
    const std::vector<std::string_view> words = SplitBlanks(TakeLine(swaps));
    if (words.empty()) continue;
    if (words.size() != 5) return Error::Format(ErrorCode::kCorrupt, "/proc/swaps: a line of %zu words", words.size());
    ActiveSwap swap;
    swap.path = Unescape(words[0]);
    swap.is_file = words[1] == "file";
    const uint64_t used = TRY(ParseNumber(words[3]), "/proc/swaps: used");
    swap.used = used * kKiB;
    swap.priority = TRY(ParsePriority(words[4]), "/proc/swaps: priority");
    result.push_back(std::move(swap));
  }
  return result;
}

std::vector<SwapEntry> ParseFstabSwaps(std::string_view fstab) {
  std::vector<SwapEntry> entries;
  while (!fstab.empty()) {
    const std::vector<std::string_view> words = SplitBlanks(TakeLine(fstab));
    if (words.size() < 3 || words[0].front() == '#' || words[2] != "swap") continue;
    std::string source = Unescape(words[0]);
    std::erase(source, '"');
    entries.push_back({std::move(source), std::string(words.size() > 3 ? words[3] : "")});
  }
  return entries;
}

int SwapOnFlags(const ActiveSwap& swap, std::string_view fstab_options) {
  unsigned flags = 0;
  if (swap.priority >= 0) {
    flags |= SWAP_FLAG_PREFER | (static_cast<unsigned>(swap.priority) & SWAP_FLAG_PRIO_MASK);
  }
  while (!fstab_options.empty()) {
    const size_t length = std::min(fstab_options.find(','), fstab_options.size());
    const std::string_view option = fstab_options.substr(0, length);
    fstab_options.remove_prefix(std::min(length + 1, fstab_options.size()));
    if (option == "discard") flags |= SWAP_FLAG_DISCARD;
    if (option == "discard=once") flags |= SWAP_FLAG_DISCARD | SWAP_FLAG_DISCARD_ONCE;
    if (option == "discard=pages") flags |= SWAP_FLAG_DISCARD | SWAP_FLAG_DISCARD_PAGES;
  }
  return static_cast<int>(flags);
}

std::vector<std::string> SplitCommandLine(std::string_view command_line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char character : command_line) {
    const bool blank = character == ' ' || character == '\t' || character == '\n';
    if (blank && !quoted) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    if (character == '"') quoted = !quoted;
    word.push_back(character);
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

Result<std::string> BootId(const Machine& machine) {
  const std::string text = TRY(machine.ReadText("/proc/sys/kernel/random/boot_id"));
  return std::string(TrimSpace(text));
}

Result<bool> IsCrashKernelLoaded(const Machine& machine) {
  const std::string text = TRY(machine.ReadText(kCrashLoadedPath));
  return TrimSpace(text) == "1";
}

Result<uint64_t> CrashReservation(const Machine& machine) {
  const auto read = [&machine] { return machine.ReadText(kCrashSizePath); };
  const std::string text = TRY(RetryWhileBusy(kKexecQueryLimit, read));
  return TRY(ParseNumber(TrimSpace(text)), "%s", kCrashSizePath);
}

}  // namespace crashdump
