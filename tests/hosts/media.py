#!/usr/bin/env python3
"""ffmpeg encodes and ImageMagick changes pictures, each with several threads: the same frames come out."""
import hashlib

from common import main, version_of


def work(trial):
    frames = str(trial.amount(25, 250))
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i", "sine=frequency=440"]
    quiet = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    results, encoders = {}, trial.amount(["mpeg4"], ["mpeg4", "libx264", "ffv1", "libvpx-vp9"])
    for encoder in encoders:
        out = f"{encoder}.mkv"
        trial.run("ffmpeg", *quiet, *source, "-frames:v", frames, "-c:v", encoder, "-threads", "4", "-c:a", "flac", *exact,
                  "-vf", "hue=s=0.5,scale=400:300,unsharp", "-t", str(int(frames) / 25), out)
        results[encoder] = trial.run("ffmpeg", *quiet, "-threads", "4", "-i", out, "-map", "0", "-f", "md5", "-").stdout
    size = trial.amount("300x200", "1500x1000")
    trial.run("convert", "-size", size, "plasma:red-blue", "-seed", "5", "plain.png", env={"MAGICK_THREAD_LIMIT": "4"})
    trial.run("convert", "-size", size, "gradient:red-blue", "-swirl", "90", "-blur", "0x3", "-resize", "150%", "-rotate", "17",
              "-depth", "8", "out.rgb", env={"MAGICK_THREAD_LIMIT": "4"})
    with open(trial.path("out.rgb"), "rb") as f:
        results["ImageMagick"] = hashlib.sha256(f.read()).hexdigest()[:16]
    return results


if __name__ == "__main__":
    main(work, "ffmpeg and ImageMagick",
         lambda: f"ffmpeg {version_of('ffmpeg', '-version')}, ImageMagick {version_of('convert', '-version')}",
         "decoded frames and sound of encodings with 4 threads; pixels", size="64M")
