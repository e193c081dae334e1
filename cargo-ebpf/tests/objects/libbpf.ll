; What clang makes of libbpf.c beside this, cut down to what a reader of objects sees.
; Written by hand, so that building it needs no clang: see build.sh.

%struct.task = type { i32, i32 }
%struct.pids = type { ptr, ptr, ptr, ptr }

@pids = dso_local global %struct.pids zeroinitializer, section ".maps", align 8, !dbg !10
@total = dso_local global i64 0, align 8, !dbg !30
@_license = dso_local global [4 x i8] c"GPL\00", section "license", align 1, !dbg !33
@llvm.compiler.used = appending global [5 x ptr] [ptr @pids, ptr @_license, ptr @leave, ptr @pass, ptr @drop], section "llvm.metadata"

declare !dbg !40 dso_local i32 @bpf_task_from_pid(i32) #1 section ".ksyms"
declare ptr @llvm.preserve.struct.access.index.p0.p0(ptr, i32 immarg, i32 immarg)

define internal i32 @share(i32 %number, i32 %of) #2 !dbg !50 {
  %1 = sdiv i32 %number, %of, !dbg !51
  ret i32 %1, !dbg !52
}

define dso_local i32 @leave(ptr %task) #0 section "?kprobe/do_exit" !dbg !60 {
  %tgid = alloca i32, align 4
  store i32 0, ptr %tgid, align 4, !dbg !63
  %field = call ptr @llvm.preserve.struct.access.index.p0.p0(ptr elementtype(%struct.task) %task, i32 1, i32 1), !dbg !64, !llvm.preserve.access.index !5
  %1 = call i64 inttoptr (i64 113 to ptr)(ptr %tgid, i32 4, ptr %field), !dbg !65
  %2 = load i32, ptr %tgid, align 4, !dbg !66
  %3 = call i64 inttoptr (i64 3 to ptr)(ptr @pids, ptr %tgid), !dbg !67
  %4 = trunc i64 %3 to i32, !dbg !67
  %5 = call i32 @share(i32 %2, i32 %4), !dbg !68
  ret i32 %5, !dbg !69
}

define dso_local i32 @pass(ptr %ctx) #0 section "xdp" !dbg !70 {
  %1 = atomicrmw add ptr @total, i64 1 seq_cst, align 8, !dbg !71
  ret i32 2, !dbg !72
}

define dso_local i32 @drop(ptr %ctx) #0 section "xdp" !dbg !80 {
  %1 = call i32 @bpf_task_from_pid(i32 1), !dbg !81
  ret i32 %1, !dbg !82
}

attributes #0 = { nounwind "target-cpu"="v4" }
attributes #1 = { "target-cpu"="v4" }
attributes #2 = { noinline nounwind "target-cpu"="v4" }

!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2, !3}

; The folder is relative, so that the source is found from the crate's folder.
!0 = distinct !DICompileUnit(language: DW_LANG_C11, file: !1, producer: "by hand", isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug, globals: !4)
!1 = !DIFile(filename: "libbpf.c", directory: "tests/objects")
!2 = !{i32 7, !"Dwarf Version", i32 5}
!3 = !{i32 2, !"Debug Info Version", i32 3}
!4 = !{!10, !30, !33}

!5 = !DICompositeType(tag: DW_TAG_structure_type, name: "task", file: !1, line: 6, size: 64, elements: !6)
!6 = !{!7, !8}
!7 = !DIDerivedType(tag: DW_TAG_member, name: "pid", scope: !5, file: !1, line: 6, baseType: !9, size: 32)
!8 = !DIDerivedType(tag: DW_TAG_member, name: "tgid", scope: !5, file: !1, line: 6, baseType: !9, size: 32, offset: 32)
!9 = !DIBasicType(name: "int", size: 32, encoding: DW_ATE_signed)

!10 = !DIGlobalVariableExpression(var: !11, expr: !DIExpression())
!11 = distinct !DIGlobalVariable(name: "pids", scope: !0, file: !1, line: 13, type: !12, isLocal: false, isDefinition: true)
!12 = distinct !DICompositeType(tag: DW_TAG_structure_type, file: !1, line: 8, size: 256, elements: !13)
!13 = !{!14, !18, !22, !24}
!14 = !DIDerivedType(tag: DW_TAG_member, name: "type", scope: !12, file: !1, line: 9, baseType: !15, size: 64)
!15 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !16, size: 64)
!16 = !DICompositeType(tag: DW_TAG_array_type, baseType: !9, size: 288, elements: !17)
!17 = !{!DISubrange(count: 9)}
!18 = !DIDerivedType(tag: DW_TAG_member, name: "max_entries", scope: !12, file: !1, line: 10, baseType: !19, size: 64, offset: 64)
!19 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !20, size: 64)
!20 = !DICompositeType(tag: DW_TAG_array_type, baseType: !9, size: 16384, elements: !21)
!21 = !{!DISubrange(count: 512)}
!22 = !DIDerivedType(tag: DW_TAG_member, name: "key", scope: !12, file: !1, line: 11, baseType: !23, size: 64, offset: 128)
!23 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !9, size: 64)
!24 = !DIDerivedType(tag: DW_TAG_member, name: "value", scope: !12, file: !1, line: 12, baseType: !25, size: 64, offset: 192)
!25 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !26, size: 64)
!26 = !DIBasicType(name: "long", size: 64, encoding: DW_ATE_signed)

!30 = !DIGlobalVariableExpression(var: !31, expr: !DIExpression())
!31 = distinct !DIGlobalVariable(name: "total", scope: !0, file: !1, line: 16, type: !26, isLocal: false, isDefinition: true)
!33 = !DIGlobalVariableExpression(var: !34, expr: !DIExpression())
!34 = distinct !DIGlobalVariable(name: "_license", scope: !0, file: !1, line: 47, type: !35, isLocal: false, isDefinition: true)
!35 = !DICompositeType(tag: DW_TAG_array_type, baseType: !36, size: 32, elements: !37)
!36 = !DIBasicType(name: "char", size: 8, encoding: DW_ATE_signed_char)
!37 = !{!DISubrange(count: 4)}

!40 = !DISubprogram(name: "bpf_task_from_pid", scope: !1, file: !1, line: 15, type: !41, flags: DIFlagPrototyped, spFlags: DISPFlagOptimized)
!41 = !DISubroutineType(types: !42)
!42 = !{!9, !9}

!50 = distinct !DISubprogram(name: "share", scope: !1, file: !1, line: 25, type: !53, scopeLine: 26, spFlags: DISPFlagLocalToUnit | DISPFlagDefinition | DISPFlagOptimized, unit: !0)
!51 = !DILocation(line: 27, column: 16, scope: !50)
!52 = !DILocation(line: 27, column: 2, scope: !50)
!53 = !DISubroutineType(types: !54)
!54 = !{!9, !9, !9}

!55 = distinct !DISubprogram(name: "tgid_of", scope: !1, file: !1, line: 18, type: !56, scopeLine: 19, spFlags: DISPFlagLocalToUnit | DISPFlagDefinition | DISPFlagOptimized, unit: !0)
!56 = !DISubroutineType(types: !57)
!57 = !{!9, !58}
!58 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !5, size: 64)

!60 = distinct !DISubprogram(name: "leave", scope: !1, file: !1, line: 30, type: !56, scopeLine: 31, spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !0)
!61 = distinct !DILocation(line: 32, column: 13, scope: !60)
!63 = !DILocation(line: 20, column: 6, scope: !55, inlinedAt: !61)
!64 = !DILocation(line: 21, column: 52, scope: !55, inlinedAt: !61)
!65 = !DILocation(line: 21, column: 2, scope: !55, inlinedAt: !61)
!66 = !DILocation(line: 22, column: 9, scope: !55, inlinedAt: !61)
!67 = !DILocation(line: 33, column: 21, scope: !60)
!68 = !DILocation(line: 33, column: 9, scope: !60)
!69 = !DILocation(line: 33, column: 2, scope: !60)

!70 = distinct !DISubprogram(name: "pass", scope: !1, file: !1, line: 36, type: !73, scopeLine: 37, spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !0)
!71 = !DILocation(line: 38, column: 2, scope: !70)
!72 = !DILocation(line: 39, column: 2, scope: !70)
!73 = !DISubroutineType(types: !74)
!74 = !{!9, !75}
!75 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: null, size: 64)

!80 = distinct !DISubprogram(name: "drop", scope: !1, file: !1, line: 42, type: !73, scopeLine: 43, spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !0)
!81 = !DILocation(line: 44, column: 9, scope: !80)
!82 = !DILocation(line: 44, column: 2, scope: !80)
