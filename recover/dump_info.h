// SPDX-License-Identifier: GPL-2.0-or-later
// info.json: what a published dump is, for people and programs. One member a line, so that it can be read line by line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {

inline constexpr const char* kDumpInfoName = "info.json";
// Bytes; larger ones are not ours.
inline constexpr uint64_t kDumpInfoLimit = 4 * kMiB;

enum class VmcoreFile : uint8_t {
  kPresent,  // vmcore is beside info.json
  kPending,  // there was no room: the pages are still in the region
  kNone,     // the dump has no pages
};

struct DumpInfo {
  std::string attempt_id;  // hex
  std::string key_id;      // of the arming, hex; empty in a file that does not say it
  std::string release;     // of the crashed kernel; any text
  std::string machine;
  uint64_t crash_time = 0;  // seconds since 1970, 0 if unknown
  std::string state;        // "complete", "incomplete", "torn"
  std::string reason;       // empty if complete
  bool read_error = false;  // the disk could not be read to the dump's end: another try may give more
  VmcoreFile vmcore = VmcoreFile::kNone;
  std::string vmcore_format;    // "kdump", "elf" or "crashdump"; of the file or the try; empty if there is none
  uint64_t vmcore_bytes = 0;    // of the file, holes included; kPending: needs at least these, as a try has shown
  uint64_t messages_bytes = 0;  // of dmesg.txt
  uint64_t data_pages = 0;
  uint64_t zero_pages = 0;
  uint64_t unreadable_pages = 0;
  uint64_t page_bytes = 0;
  std::string vmcore_error;   // kPending: why the memory could not be written, if it was not for lack of room
  std::string machine_facts;  // the dump's own texts, key=value lines
  std::string summary;

  // A JSON object (RFC 8259), pure ASCII.
  std::string ToJson() const;
  // Reads back the members above but the last two. Only what ToJson() makes is understood.
  static Result<DumpInfo> Parse(std::string_view json);
};

// "2026-11-22T23:59:01Z"
std::string FormatUtc(uint64_t seconds_since_1970);

}  // namespace crashdump
