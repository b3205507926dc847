// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/testing/published_dump.h"

#include <algorithm>
#include <memory>

#include "common/vmcore/vmcore.h"

namespace crashdump {
namespace {

constexpr const char* kDumps = "crash/kernel/dumps";
constexpr uint64_t kPage = 4096;

void ReadPages(const std::string& vmcore, PublishedDump& dump) {
  const auto opened = Vmcore::Open(std::make_unique<MemorySource>(BytesOf(std::string_view(vmcore))));
  if (!opened.ok()) {
    dump.fault = opened.error().text();
    return;
  }
  for (const ElfSegment& load : opened.value().loads()) {
    const Range physical = load.physical();
    for (uint64_t at = physical.begin; at < physical.end; at += kPage) {
      std::vector<uint8_t>& page = dump.pages[at / kPage];
      page.assign(kPage, 0);
      const auto count = static_cast<size_t>(std::min(kPage, physical.end - at));
      const Result<> read = opened.value().ReadPhysical(at, MutableBytes(page).first(count));
      if (!read.ok()) dump.fault = read.error().text();
    }
  }
}

std::optional<PublishedDump> Read(const FsyncedDirectory& var, const std::string& path) {
  const std::string* const json = var.DurableFile(path + "/info.json");
  const std::string* const messages = var.DurableFile(path + "/dmesg.txt");
  const std::string* const vmcore = var.DurableFile(path + "/vmcore");
  if (json == nullptr || messages == nullptr) return std::nullopt;
  Result<DumpInfo> info = DumpInfo::Parse(*json);
  if (!info.ok()) return std::nullopt;
  PublishedDump dump;
  dump.info = info.TakeValue();
  dump.messages = *messages;
  if (vmcore != nullptr) ReadPages(*vmcore, dump);
  return dump;
}

}  // namespace

std::map<std::string, std::optional<PublishedDump>> ReadPublishedDumps(const FsyncedDirectory& var) {
  std::map<std::string, std::optional<PublishedDump>> dumps;
  for (const std::string& name : var.DurableNames(kDumps)) {
    if (!name.starts_with(".")) dumps[name] = Read(var, std::string(kDumps) + "/" + name);
  }
  return dumps;
}

}  // namespace crashdump
