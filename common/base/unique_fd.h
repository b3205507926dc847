// SPDX-License-Identifier: GPL-2.0-or-later
// UniqueFd: owns a file descriptor. A plain `int fd` parameter borrows for the call.
#pragma once

#include <unistd.h>

#include <utility>

namespace crashdump {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Closes what it owns. A written file has been fsynced before, so close() has nothing left to report.
  void Reset(int fd = -1) {
    if (fd_ >= 0 && fd_ != fd) (void)close(fd_);
    fd_ = fd;
  }
  // Gives the descriptor away.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace crashdump
