#pragma once
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "system.hpp"

constexpr int kLargestFrame = 1400;

// Encoded sound, 20 ms a frame.
using Sound = std::vector<std::string>;

// From a file of frames, each after its length in two bytes, the higher one first.
inline Sound readSound(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Sound frames;
  for (;;) {
    const int high = file.get(), low = file.get();
    if (!file) break;
    std::string frame(static_cast<size_t>(high << 8 | low), 0);
    if (frame.size() > kLargestFrame || !file.read(frame.data(), static_cast<std::streamsize>(frame.size()))) {
      die("no sound: " + path);
    }
    frames.push_back(std::move(frame));
  }
  if (frames.empty()) die("no sound: " + path);
  return frames;
}
