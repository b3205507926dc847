// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/retention.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <tuple>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "recover/dump_files.h"
#include "recover/dump_list.h"
#include "recover/private_directory.h"
#include "recover/remove_dump.h"

namespace crashdump {
namespace {

// What its files take of the disk.
uint64_t BytesOnDisk(int directory_fd) {
  const Result<std::vector<std::string>> entries = NamesInDirectory(directory_fd);
  if (!entries.ok()) return 0;
  constexpr uint64_t kStatBlock = 512;
  uint64_t bytes = 0;
  for (const std::string& entry : entries.value()) {
    struct stat status {};
    if (fstatat(directory_fd, entry.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    bytes += static_cast<uint64_t>(status.st_blocks) * kStatBlock;
  }
  return bytes;
}

// When this machine has published it: the crash's own time may be that of a clock that nobody has set. 0: nobody knows.
uint64_t PublicationTime(int directory_fd) {
  struct stat status {};
  if (fstatat(directory_fd, kDumpInfoName, &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  constexpr uint64_t kNanoseconds = 1'000'000'000;
  return static_cast<uint64_t>(status.st_mtim.tv_sec) * kNanoseconds + static_cast<uint64_t>(status.st_mtim.tv_nsec);
}

// What is published and what a preview says would be, in order of publication.
std::vector<KeptDump> KeptDumps(int dumps_fd, const std::vector<ListedDump>& listed, const KeyStore& keys,
                                const std::vector<RecoverNote>& notes) {
  std::vector<KeptDump> kept;
  for (const ListedDump& dump : listed) {
    if (!IsDumpName(dump.name) || !dump.info.ok()) continue;
    const Result<UniqueFd> directory = FindPrivateDirectory(dumps_fd, dump.name.c_str());
    if (!directory.ok()) {
      // Somebody else's by now. It counts, and stays; as the oldest, so that the newest of ours is never taken for an
      // older one.
      kept.push_back({.name = dump.name, .published = 0});
      continue;
    }
    const int fd = directory.value().get();
    // The administrator's hooks may want to fetch what they have not been told of.
    const bool may_go = CheckRemovable(dumps_fd, dump.name, keys).ok() && !IsUnannounced(fd);
    kept.push_back({dump.name, BytesOnDisk(fd), may_go, PublicationTime(fd)});
  }
  for (const RecoverNote& note : notes) {
    if (note.dump.empty()) continue;
    auto found = std::find_if(kept.begin(), kept.end(), [&](const KeptDump& each) { return each.name == note.dump; });
    if (found == kept.end()) found = kept.insert(kept.end(), {.name = note.dump});
    found->may_go = false;
    found->published = UINT64_MAX;
    found->bytes += note.bytes_to_come;
  }
  std::sort(kept.begin(), kept.end(), [](const KeptDump& one, const KeptDump& other) {
    return std::tie(one.published, one.name) < std::tie(other.published, other.name);
  });
  return kept;
}

std::string Describe(const Retention& limits) {
  std::string text;
  if (limits.keep != 0) text = "KEEP=" + std::to_string(limits.keep);
  if (limits.max_size == 0) return text;
  return text + (text.empty() ? "" : " and ") + "MAX_SIZE (" + FormatSize(limits.max_size) + ")";
}

}  // namespace

std::vector<std::string> ChooseDumpsToRemove(const std::vector<KeptDump>& dumps, const Retention& limits) {
  uint64_t count = dumps.size();
  uint64_t bytes = 0;
  for (const KeptDump& dump : dumps) bytes += dump.bytes;
  std::vector<std::string> chosen;
  for (size_t i = 0; i + 1 < dumps.size(); ++i) {
    const bool too_many = limits.keep != 0 && count > limits.keep;
    const bool too_much = limits.max_size != 0 && bytes > limits.max_size;
    if (!too_many && !too_much) break;
    if (!dumps[i].may_go) continue;
    chosen.push_back(dumps[i].name);
    --count;
    bytes -= dumps[i].bytes;
  }
  return chosen;
}

Result<std::vector<RecoverNote>> ApplyRetention(const std::string& crash_directory, const Retention& limits,
                                                const KeyStore& keys, const std::vector<RecoverNote>& notes,
                                                RetentionMode mode) {
  std::vector<RecoverNote> removals;
  if (limits.keep == 0 && limits.max_size == 0) return removals;
  const Result<UniqueFd> dumps = OpenDumps(crash_directory);
  // Before the first dump, for a preview.
  if (!dumps.ok()) return removals;
  const int dumps_fd = dumps.value().get();
  const std::vector<ListedDump> listed = TRY(ListDumps(dumps_fd), "%s/kernel/dumps", crash_directory.c_str());
  for (const std::string& name : ChooseDumpsToRemove(KeptDumps(dumps_fd, listed, keys, notes), limits)) {
    const bool is_preview = mode == RetentionMode::kPreview;
    const Result<> removed = is_preview ? Result<>() : RemoveDump(dumps_fd, name);
    if (removed.ok()) {
      const char* const done = is_preview ? ": would be removed for " : ": removed for ";
      removals.push_back({RecoverNote::Kind::kRemoved, name + done + Describe(limits)});
    } else {
      removals.push_back({RecoverNote::Kind::kFailed, std::string("an old dump stays: ") + removed.error().text()});
    }
  }
  return removals;
}

}  // namespace crashdump
