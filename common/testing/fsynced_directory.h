// SPDX-License-Identifier: GPL-2.0-or-later
// FsyncedDirectory: a real directory that loses what was not flushed when the power of its switch is cut. What fsync(2)
// has promised stays: the contents of a file, the names in a directory. Everything else may be there or not, each name
// and each file on its own: more than any filesystem takes, so that nothing relies on one. It is for programs that
// write each file once, from front to back: a file that has the size that was flushed counts as flushed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/testing/power_switch.h"
#include "common/testing/random.h"
#include "common/testing/system_calls.h"
#include "common/testing/temp_directory.h"

namespace crashdump {

class FsyncedDirectory final : public FsyncObserver {
 public:
  // Every fsync(2) below it is a step of `power`, which must outlive the directory.
  explicit FsyncedDirectory(PowerSwitch& power);

  const std::string& path() const { return root_.path(); }

  // For the moment of a cut: what is done to the directory from here on counts for nothing.
  void Freeze();
  // The program died there: nothing is lost but what it would have done then. Nothing to do without Freeze().
  void Kill();
  // The machine died there, or now without Freeze(). `choice` decides what stays of that which was not flushed.
  void LosePower(uint64_t choice);

  // What no power cut can take away: the names in a directory, the contents of a file; empty, null if it is not there.
  // Paths are relative, "" is the directory itself.
  std::vector<std::string> DurableNames(const std::string& path) const;
  const std::string* DurableFile(const std::string& path) const;
  // Changes whenever the above may have changed.
  uint64_t durable_changes() const { return durable_changes_; }

  std::optional<int> OnFsync(int fd) override;

 private:
  struct Node {
    bool is_directory = false;
    std::shared_ptr<const std::string> contents;  // of a file; null: none have been flushed
    std::map<std::string, uint64_t> names;        // in a directory: inode numbers

    uint64_t size() const { return contents ? contents->size() : 0; }
    bool operator==(const Node&) const = default;
  };
  using Graph = std::map<uint64_t, Node>;  // by inode number

  uint64_t Inode(const std::string& path) const;
  void AddLive(const std::string& path, Graph& graph) const;
  Graph Live() const;
  Node Survivor(uint64_t inode, const Graph& live, Random& random) const;
  // Makes the real directory what `wanted` says. The inode numbers that its nodes have then, by those in `wanted`.
  std::map<uint64_t, uint64_t> Install(const Graph& wanted);
  void InstallNode(const std::string& path, uint64_t inode, const Graph& wanted, std::map<uint64_t, uint64_t>& made);
  // No inode number serves twice while something here remembers it.
  void Hold(uint64_t inode, const std::string& path);
  const Node* Find(const std::string& path) const;

  PowerSwitch& power_;
  TempDirectory root_ = TempDirectory::InMemory();
  uint64_t root_inode_;
  Graph durable_;
  std::map<uint64_t, UniqueFd> held_;
  std::optional<Graph> frozen_;
  uint64_t durable_changes_ = 0;
};

}  // namespace crashdump
