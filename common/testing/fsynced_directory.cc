// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/fsynced_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/base/io.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

std::string Inside(const std::string& path, const std::string& name) {
  std::string inside = path;
  return inside.append("/").append(name);
}

std::vector<std::string> NamesIn(const std::string& path) {
  const UniqueFd directory = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW).TakeValue();
  return NamesInDirectory(directory.get()).TakeValue();
}

struct stat StatusOf(const std::string& path) {
  struct stat status {};
  Require(lstat(path.c_str(), &status) == 0);
  return status;
}

std::shared_ptr<const std::string> ContentsOf(const std::string& path, const struct stat& status) {
  std::string contents(static_cast<size_t>(status.st_size), '\0');
  const UniqueFd file = OpenFile(path.c_str(), O_RDONLY).TakeValue();
  PreadFull(file.get(), 0, {reinterpret_cast<uint8_t*>(contents.data()), contents.size()}).TakeValue();
  return std::make_shared<const std::string>(std::move(contents));
}

void RemoveContents(const std::string& path) {
  for (const std::string& name : NamesIn(path)) {
    const std::string inner = Inside(path, name);
    if (S_ISDIR(StatusOf(inner).st_mode)) RemoveContents(inner);
    Require(remove(inner.c_str()) == 0);
  }
}

}  // namespace

FsyncedDirectory::FsyncedDirectory(PowerSwitch& power) : power_(power), root_inode_(Inode(root_.path())) {
  durable_ = Live();
}

uint64_t FsyncedDirectory::Inode(const std::string& path) const { return StatusOf(path).st_ino; }

void FsyncedDirectory::AddLive(const std::string& path, Graph& graph) const {
  const struct stat status = StatusOf(path);
  Node& node = graph[status.st_ino];
  node.is_directory = S_ISDIR(status.st_mode);
  if (!node.is_directory) {
    const auto flushed = durable_.find(status.st_ino);
    const bool is_flushed = flushed != durable_.end() && flushed->second.contents &&
                            flushed->second.size() == static_cast<uint64_t>(status.st_size);
    node.contents = is_flushed ? flushed->second.contents : ContentsOf(path, status);
    return;
  }
  for (const std::string& name : NamesIn(path)) {
    const std::string inner = Inside(path, name);
    node.names[name] = Inode(inner);
    AddLive(inner, graph);
  }
}

FsyncedDirectory::Graph FsyncedDirectory::Live() const {
  Graph graph;
  AddLive(root_.path(), graph);
  return graph;
}

void FsyncedDirectory::Hold(uint64_t inode, const std::string& path) {
  if (held_.contains(inode)) return;
  held_[inode] = OpenFile(path.c_str(), O_PATH | O_NOFOLLOW).TakeValue();
}

std::optional<int> FsyncedDirectory::OnFsync(int fd) {
  std::array<char, 4096> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = readlink(link.c_str(), target.data(), target.size());
  if (length < 0) return std::nullopt;
  const std::string path(target.data(), static_cast<size_t>(length));
  if (path != root_.path() && !path.starts_with(root_.path() + "/")) return std::nullopt;

  const PowerSwitch::Step step = power_.Pass();
  if (step == PowerSwitch::Step::kRuns || step == PowerSwitch::Step::kCutAfter) {
    struct stat status {};
    Require(fstat(fd, &status) == 0);
    Node& node = durable_[status.st_ino];
    node.is_directory = S_ISDIR(status.st_mode);
    Hold(status.st_ino, link);
    if (node.is_directory) {
      node.names.clear();
      for (const std::string& name : NamesIn(path)) {
        const std::string inner = Inside(path, name);
        node.names[name] = Inode(inner);
        Hold(node.names[name], inner);
        durable_[node.names[name]].is_directory = S_ISDIR(StatusOf(inner).st_mode);
      }
    } else {
      node.contents = ContentsOf(path, status);
    }
    ++durable_changes_;
  }
  return step == PowerSwitch::Step::kRuns ? 0 : EIO;
}

void FsyncedDirectory::Freeze() { frozen_ = Live(); }

void FsyncedDirectory::Kill() {
  if (!frozen_) return;
  const Graph wanted = std::move(*frozen_);
  frozen_.reset();
  const std::map<uint64_t, uint64_t> made = Install(wanted);
  // The same files have other inodes now. What is only durable and not there any more keeps a number that no inode has.
  constexpr uint64_t kGone = uint64_t{1} << 63;
  const auto now = [&made](uint64_t inode) {
    const auto found = made.find(inode);
    return found != made.end() ? found->second : inode | kGone;
  };
  Graph durable;
  for (auto& [inode, node] : durable_) {
    for (auto& [name, child] : node.names) child = now(child);
    durable[now(inode)] = std::move(node);
  }
  durable_ = std::move(durable);
  ++durable_changes_;
}

// What a power cut makes of the node: its own names and contents, not those below it.
FsyncedDirectory::Node FsyncedDirectory::Survivor(uint64_t inode, const Graph& live, Random& random) const {
  const auto durable_at = durable_.find(inode);
  const auto live_at = live.find(inode);
  const Node durable = durable_at != durable_.end() ? durable_at->second : Node{live_at->second.is_directory, {}, {}};
  const Node current = live_at != live.end() ? live_at->second : durable;
  Node survivor = durable;
  if (!durable.is_directory) {
    if (durable.contents == current.contents || random.Chance(40)) return survivor;
    const uint64_t size = random.Chance(50) ? random.Below(current.size() + 1) : current.size();
    survivor.contents = std::make_shared<const std::string>(current.contents->substr(0, size));
    return survivor;
  }
  for (const auto& [name, child] : current.names) {
    if (!durable.names.contains(name) && random.Chance(50)) survivor.names[name] = child;
  }
  for (const auto& [name, child] : durable.names) {
    const auto other = current.names.find(name);
    if (other != current.names.end() && other->second == child) continue;
    if (random.Chance(50)) continue;
    if (other == current.names.end()) {
      survivor.names.erase(name);
    } else {
      survivor.names[name] = other->second;
    }
  }
  return survivor;
}

void FsyncedDirectory::LosePower(uint64_t choice) {
  const bool was_frozen = frozen_.has_value();
  const Graph live = was_frozen ? std::move(*frozen_) : Live();
  frozen_.reset();
  Random random(choice);
  Graph after;
  std::vector<uint64_t> waiting{root_inode_};
  while (!waiting.empty()) {
    const uint64_t inode = waiting.back();
    waiting.pop_back();
    if (after.contains(inode)) continue;
    after[inode] = Survivor(inode, live, random);
    for (const auto& [name, child] : after[inode].names) waiting.push_back(child);
  }
  if (was_frozen || after != live) {
    Install(after);
    after = Live();
  }
  durable_ = std::move(after);
  ++durable_changes_;
}

std::map<uint64_t, uint64_t> FsyncedDirectory::Install(const Graph& wanted) {
  RemoveContents(root_.path());
  held_.clear();
  std::map<uint64_t, uint64_t> made;
  InstallNode(root_.path(), root_inode_, wanted, made);
  return made;
}

void FsyncedDirectory::InstallNode(const std::string& path, uint64_t inode, const Graph& wanted,
                                   std::map<uint64_t, uint64_t>& made) {
  const Node& node = wanted.at(inode);
  if (!node.is_directory) {
    const UniqueFd file = OpenFile(path.c_str(), O_WRONLY | O_CREAT | O_EXCL).TakeValue();
    if (node.contents) WriteFull(file.get(), BytesOf(*node.contents)).TakeValue();
  } else {
    if (inode != root_inode_) Require(mkdir(path.c_str(), 0700) == 0);
    for (const auto& [name, child] : node.names) {
      InstallNode(Inside(path, name), child, wanted, made);
    }
  }
  made[inode] = Inode(path);
  Hold(made[inode], path);
}

const FsyncedDirectory::Node* FsyncedDirectory::Find(const std::string& path) const {
  const Node* node = &durable_.at(root_inode_);
  for (size_t at = 0; at < path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const auto child = node->names.find(path.substr(at, slash - at));
    if (child == node->names.end()) return nullptr;
    const auto found = durable_.find(child->second);
    if (found == durable_.end()) return nullptr;
    node = &found->second;
    at = slash + 1;
  }
  return node;
}

std::vector<std::string> FsyncedDirectory::DurableNames(const std::string& path) const {
  std::vector<std::string> names;
  const Node* const node = Find(path);
  if (node == nullptr) return names;
  for (const auto& [name, child] : node->names) names.push_back(name);
  return names;
}

const std::string* FsyncedDirectory::DurableFile(const std::string& path) const {
  const Node* const node = Find(path);
  return node != nullptr ? node->contents.get() : nullptr;
}

}  // namespace crashdump
