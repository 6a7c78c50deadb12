"""Rows of the experiment, taken from book/data/train_both*.csv by `python -m experiments.rows`. Not written by hand.

How they came about, and which machine ran them: book/experiments/train_both.py and book/data/train_both.json.
"""

RUNS = """\
task,arm,seed,rate,train,test,correct
bigram-shift,dora-output-detached,0,0.003,1500,2000,1744
bigram-shift,dora-output-detached,1,0.003,1500,2000,1734
bigram-shift,dora-output-detached,2,0.003,1500,2000,1742
bigram-shift,dora-output-detached,3,0.003,1500,2000,1741
bigram-shift,dora-output-detached,4,0.003,1500,2000,1740
bigram-shift,dora-input-detached,0,0.001,1500,2000,1721
bigram-shift,dora-input-detached,1,0.001,1500,2000,1718
bigram-shift,dora-input-detached,2,0.001,1500,2000,1734
bigram-shift,dora-input-detached,3,0.001,1500,2000,1729
bigram-shift,dora-input-detached,4,0.001,1500,2000,1729
bigram-shift,lora,0,0.003,1500,2000,1738
bigram-shift,lora,1,0.003,1500,2000,1739
bigram-shift,lora,2,0.003,1500,2000,1726
bigram-shift,lora,3,0.003,1500,2000,1727
bigram-shift,lora,4,0.003,1500,2000,1741
bigram-shift,head,0,0.1,1500,2000,1283
bigram-shift,head,1,0.1,1500,2000,1239
bigram-shift,head,2,0.1,1500,2000,1222
bigram-shift,head,3,0.1,1500,2000,1262
bigram-shift,head,4,0.1,1500,2000,1235
bigram-shift,full,0,0.0001,1500,2000,1745
bigram-shift,full,1,0.0001,1500,2000,1714
bigram-shift,full,2,0.0001,1500,2000,1735
bigram-shift,full,3,0.0001,1500,2000,1757
bigram-shift,full,4,0.0001,1500,2000,1775
bigram-shift,magnitude-output,0,0.03,1500,2000,1732
bigram-shift,magnitude-output,1,0.03,1500,2000,1708
bigram-shift,magnitude-output,2,0.03,1500,2000,1734
bigram-shift,magnitude-output,3,0.03,1500,2000,1738
bigram-shift,magnitude-output,4,0.03,1500,2000,1727
bigram-shift,magnitude-input,0,0.03,1500,2000,1742
bigram-shift,magnitude-input,1,0.03,1500,2000,1720
bigram-shift,magnitude-input,2,0.03,1500,2000,1742
bigram-shift,magnitude-input,3,0.03,1500,2000,1741
bigram-shift,magnitude-input,4,0.03,1500,2000,1734
bigram-shift,dora-output-graph,0,0.003,1500,2000,1743
bigram-shift,dora-output-graph,1,0.003,1500,2000,1755
bigram-shift,dora-output-graph,2,0.003,1500,2000,1749
bigram-shift,dora-output-graph,3,0.003,1500,2000,1736
bigram-shift,dora-output-graph,4,0.003,1500,2000,1748
bigram-shift,dora-input-graph,0,0.001,1500,2000,1720
bigram-shift,dora-input-graph,1,0.001,1500,2000,1716
bigram-shift,dora-input-graph,2,0.001,1500,2000,1734
bigram-shift,dora-input-graph,3,0.001,1500,2000,1728
bigram-shift,dora-input-graph,4,0.001,1500,2000,1726
bigram-shift,dora-output-detached-relative,0,0.001,1500,2000,1720
bigram-shift,dora-output-detached-relative,1,0.001,1500,2000,1719
bigram-shift,dora-output-detached-relative,2,0.001,1500,2000,1733
bigram-shift,dora-output-detached-relative,3,0.001,1500,2000,1728
bigram-shift,dora-output-detached-relative,4,0.001,1500,2000,1728
bigram-shift,dora-input-detached-relative,0,0.003,1500,2000,1741
bigram-shift,dora-input-detached-relative,1,0.003,1500,2000,1735
bigram-shift,dora-input-detached-relative,2,0.003,1500,2000,1742
bigram-shift,dora-input-detached-relative,3,0.003,1500,2000,1753
bigram-shift,dora-input-detached-relative,4,0.003,1500,2000,1761
bigram-shift,dora-output-detached-swapped,0,0.001,1500,2000,1718
bigram-shift,dora-output-detached-swapped,1,0.001,1500,2000,1719
bigram-shift,dora-output-detached-swapped,2,0.001,1500,2000,1734
bigram-shift,dora-output-detached-swapped,3,0.001,1500,2000,1731
bigram-shift,dora-output-detached-swapped,4,0.001,1500,2000,1733
bigram-shift,dora-input-detached-swapped,0,0.003,1500,2000,1747
bigram-shift,dora-input-detached-swapped,1,0.003,1500,2000,1751
bigram-shift,dora-input-detached-swapped,2,0.003,1500,2000,1726
bigram-shift,dora-input-detached-swapped,3,0.003,1500,2000,1739
bigram-shift,dora-input-detached-swapped,4,0.003,1500,2000,1738
bigram-shift,peft-dora,0,0.003,1500,2000,1744
banking77,dora-output-detached,0,0.001,770,3080,2589
banking77,dora-output-detached,1,0.001,770,3080,2596
banking77,dora-output-detached,2,0.001,770,3080,2561
banking77,dora-output-detached,3,0.001,770,3080,2600
banking77,dora-output-detached,4,0.001,770,3080,2591
banking77,dora-input-detached,0,0.001,770,3080,2592
banking77,dora-input-detached,1,0.001,770,3080,2595
banking77,dora-input-detached,2,0.001,770,3080,2563
banking77,dora-input-detached,3,0.001,770,3080,2601
banking77,dora-input-detached,4,0.001,770,3080,2587
banking77,lora,0,0.001,770,3080,2592
banking77,lora,1,0.001,770,3080,2595
banking77,lora,2,0.001,770,3080,2563
banking77,lora,3,0.001,770,3080,2604
banking77,lora,4,0.001,770,3080,2584
banking77,head,0,0.03,770,3080,2575
banking77,head,1,0.03,770,3080,2583
banking77,head,2,0.03,770,3080,2567
banking77,head,3,0.03,770,3080,2604
banking77,head,4,0.03,770,3080,2566
banking77,full,0,3e-05,770,3080,2621
banking77,full,1,3e-05,770,3080,2608
banking77,full,2,3e-05,770,3080,2571
banking77,full,3,3e-05,770,3080,2619
banking77,full,4,3e-05,770,3080,2579
banking77,magnitude-output,0,0.003,770,3080,2572
banking77,magnitude-output,1,0.003,770,3080,2606
banking77,magnitude-output,2,0.003,770,3080,2579
banking77,magnitude-output,3,0.003,770,3080,2629
banking77,magnitude-output,4,0.003,770,3080,2561
banking77,magnitude-input,0,0.003,770,3080,2584
banking77,magnitude-input,1,0.003,770,3080,2606
banking77,magnitude-input,2,0.003,770,3080,2584
banking77,magnitude-input,3,0.003,770,3080,2627
banking77,magnitude-input,4,0.003,770,3080,2561
banking77,dora-output-graph,0,0.001,770,3080,2592
banking77,dora-output-graph,1,0.001,770,3080,2597
banking77,dora-output-graph,2,0.001,770,3080,2564
banking77,dora-output-graph,3,0.001,770,3080,2603
banking77,dora-output-graph,4,0.001,770,3080,2591
banking77,dora-input-graph,0,0.001,770,3080,2590
banking77,dora-input-graph,1,0.001,770,3080,2595
banking77,dora-input-graph,2,0.001,770,3080,2563
banking77,dora-input-graph,3,0.001,770,3080,2599
banking77,dora-input-graph,4,0.001,770,3080,2590
banking77,dora-output-detached-relative,0,0.001,770,3080,2590
banking77,dora-output-detached-relative,1,0.001,770,3080,2595
banking77,dora-output-detached-relative,2,0.001,770,3080,2562
banking77,dora-output-detached-relative,3,0.001,770,3080,2600
banking77,dora-output-detached-relative,4,0.001,770,3080,2588
banking77,dora-input-detached-relative,0,0.001,770,3080,2591
banking77,dora-input-detached-relative,1,0.001,770,3080,2595
banking77,dora-input-detached-relative,2,0.001,770,3080,2564
banking77,dora-input-detached-relative,3,0.001,770,3080,2600
banking77,dora-input-detached-relative,4,0.001,770,3080,2588
"""

CHOICES = """\
task,arm,rate,correct
bigram-shift,dora-output-detached,0.001,862
bigram-shift,dora-output-detached,0.003,870
bigram-shift,dora-output-detached,0.01,500
bigram-shift,dora-input-detached,0.001,862
bigram-shift,dora-input-detached,0.003,859
bigram-shift,dora-input-detached,0.01,500
bigram-shift,lora,0.001,861
bigram-shift,lora,0.003,865
bigram-shift,lora,0.01,500
bigram-shift,head,0.01,581
bigram-shift,head,0.03,596
bigram-shift,head,0.1,607
bigram-shift,full,3e-05,801
bigram-shift,full,0.0001,878
bigram-shift,full,0.0003,866
bigram-shift,magnitude-output,0.003,713
bigram-shift,magnitude-output,0.01,830
bigram-shift,magnitude-output,0.03,859
bigram-shift,magnitude-input,0.003,713
bigram-shift,magnitude-input,0.01,827
bigram-shift,magnitude-input,0.03,860
bigram-shift,dora-output-graph,0.001,862
bigram-shift,dora-output-graph,0.003,864
bigram-shift,dora-output-graph,0.01,500
bigram-shift,dora-input-graph,0.001,862
bigram-shift,dora-input-graph,0.003,850
bigram-shift,dora-input-graph,0.01,500
bigram-shift,dora-output-detached-relative,0.001,864
bigram-shift,dora-output-detached-relative,0.003,862
bigram-shift,dora-output-detached-relative,0.01,500
bigram-shift,dora-input-detached-relative,0.001,861
bigram-shift,dora-input-detached-relative,0.003,868
bigram-shift,dora-input-detached-relative,0.01,500
banking77,dora-output-detached,0.001,648
banking77,dora-output-detached,0.003,643
banking77,dora-output-detached,0.01,592
banking77,dora-input-detached,0.001,647
banking77,dora-input-detached,0.003,643
banking77,dora-input-detached,0.01,10
banking77,lora,0.001,645
banking77,lora,0.003,645
banking77,lora,0.01,592
banking77,head,0.01,644
banking77,head,0.03,646
banking77,head,0.1,620
banking77,full,3e-05,644
banking77,full,0.0001,639
banking77,full,0.0003,627
banking77,magnitude-output,0.003,656
banking77,magnitude-output,0.01,643
banking77,magnitude-output,0.03,629
banking77,magnitude-input,0.003,657
banking77,magnitude-input,0.01,644
banking77,magnitude-input,0.03,631
banking77,dora-output-graph,0.001,648
banking77,dora-output-graph,0.003,644
banking77,dora-output-graph,0.01,588
banking77,dora-input-graph,0.001,648
banking77,dora-input-graph,0.003,643
banking77,dora-input-graph,0.01,576
banking77,dora-output-detached-relative,0.001,648
banking77,dora-output-detached-relative,0.003,644
banking77,dora-output-detached-relative,0.01,585
banking77,dora-input-detached-relative,0.001,647
banking77,dora-input-detached-relative,0.003,645
banking77,dora-input-detached-relative,0.01,584
"""

ANSWERS = """\
arm,seed,bits
dora-output-detached,0,ffffff9fffbfffdf7fdffddff9ffffffefbfeffbffffd7be6dfffefefdffff79eefcffff7ffffebfeffffbfbafffffbffbfbf9ff7ffffffdfbfbffffebbffff7ebdcfddfffffffaebefffffffefdfeffffff7ffbdbfcfd39fbefeffefbbfffdfffedbaffebffbf7f57fbbfffdcffeffbbbf777ffdefee7ff4f2dffbfefbfff9fffeffff5bfb3fdbeefee7ffffbefde7fefebf575fbafffdefd7bb7fbfffe7aef3fe7ffffdfef7ffefef5bfdffffff6effefeefc7fffbffffbfffbaafbfefffffffedf9fffff9effffbffffffcfffbb7ffd7feffe6dfbff5ffffabfdb8fb7dffffbf7fffffbfbbfdffffbafffffbbff7f7ffff6fbfff7fb2ffeff
dora-output-detached,1,fbfbebffffbffffeef9bfebffaffffbffe3bfffbfd7fe7de6dfffefefffffffbeffdffffffbffebbff7eff7bbfbbffbfffffffff7fdffdffdffffffff3fffd77ef7fffddffffffaedeffffbeeebdffffffff3f4bfffedfbfefe46feefbfbf5dfdfed3afffbffb77fffcabfbffcefeffedb777fffbfbfe7ff7de9bfffefbfffdfffbdffbdb7bbfdb6ffeff9bffbfffeffe7ffffe6f38bf7dfd86faff9fffe7bfd7fe7ffffffefffaefefff39ffffff6e7f66e7fd77fffb77fffffbfffbfeffefffdebfbfffffdfffffffffffbc7ffbf7ffdffffb67fbbef7fdffa8fdbaffffffff1f3fbfff7dbfff7ffefe7ffffbfffbf7bfffe7bbaf7ffbbffff
dora-output-detached,2,fbebef9fdffdfffeffdf75dffbffffbffe3beff3ffffe7de7bffeefeffffdfffeffefff7ffffff3dfffefbfbbfbcffbffffbffff7f7fffffdbffff5ffbfffff7fffcddf7fdfffffefaf77effaefdbeffffff5fefdffdfdfdefeeeffefbfbfddfffedfaffffffbf7fffdabffffcef6febfbffffdfdffeefffddadfd3fefbfffffffefffbfafbfffffedecffdffbb67efdfffffde4fbebfffef97fa7fdfffe7fbfffe7ffff5fefbfe6fefdf7afdb7ffee7fffeffd7dfffbffdffffbeffbfefffffddeffbffffddfffffbfffdffc7efbb7fff3fff7e4bbfef77ffeabf7eafb3fefff3f7fffffaf3ffd7fffdafffffbbff7f7b7f7ffdb7f7f7abeaff
dora-output-detached,3,ffefffbfffbdbffeefdfef9ffbffffbffa3afff3ffffd7ea6dfffefefffffffbfffeff7fff9dffb7fffffbfbb7bfffbffffbffff7f5fffffdffdffdffffffff7e7fefff7ffffffeededf5ffdfffdbeffffff7febfffdffbffbe6effffbbbdfffffffbafeffffbfffffdabffffc7feffbb3f7ffefbfbeeffffdadfdbfefbbffffffefffbfbf3bf7beefeefbfffbbef27ffdebe5effbebfffffd6fbefffffe7b7f7ff7ffffff7b7faefcfdb79bf7fffee7ff4eefe7efffff9fdfffbaebbfeffffedfedbbfffffffff7fbffbdffc7efbe77bf7fef6e6cbfff7ffffeafdaafb7fffffffffbfee6ffbff7fff8a7ffffbbff9f7ffff7fdbaf7ffbbefbf
dora-output-detached,4,ffebfbbfffbbd5ffffdfbfbffadfffbfff3ffff3ffffd7fe79ffeefefffbdffbfffdfffffffdff3fff7efbfbbfbfffbff1fbdfff7fffdffddbfbffdfffbffdf7ebfcddfffdffffaedfff7fbfdefdbeffffff5fcbfffcffbdffe4effefbfbffdfffedf6feffffbffffffabff3fc6fffebfbf7ff9fbff6effffd2dfdbfefbbffcf7fefffbdb7b7ffbeffefffdffbf6faffffebf5eed3ebf7dffd6faffffffa7fbf7ff7ffffefeffffeeef4e7bffffff6e3fffeffc7ffffff5cffffb2bfbfcfffffffe5fffffffdfffffbfffdffe7ffbf73ffbdffef4d3bff7fffba9ffeafbfffdffbf7fffef6fbffdffffba3ffffbbffbf7bfffffbbff7ffbbefff
dora-input-detached,0,fffbffbffebff7dffddffddffaffffbdeabfefbbffffc7ff69ff7efefdffffebeedcfffffffffebffffefbdbff7fffbfffdbf9ff7f7feff5dffbbff7effdfff7effc5ddfffffffbe9ebffffffefdbeff7fff7ffbdbbefd75ebe3effffbbbf7dfffedbafffbffbf7fdffbbfbffeffefffbfff7fefdff6efff5dadfdffefbfffdfffacffbdbffffdbeefee7bdffbfefeffffabf5fcfbcff7fef97bf6f9fffe7fffbd27ffff4fef7ff6f6bdffdf7dfff6e7fedeefc7ffffb77ffff7bbbfbfefffffffeff9ffffbdfffffbbffdffc7ffbb33fd7ffdfe4cfb7f5fffffaf5bb7b7fffff3f7bffdf6fbbf9ffffdefffffbbff9f7bfef6fdfff7ff3fffff
dora-input-detached,1,fbebffbfffbff7deffdbfedffaffffbffebbefbbedffd7fe69fffef6fdfffffbeffdffffffdffebffffefefbbfffffb7fffbffff7f5feffddffbfff7fffffff7ebfefdf7fdffffa69afffffffefcbfffffff3f6bfffeffbfcfe5effebbbbf5dfdffd3effebffbf7ffffabffffcefeffed3f77fef9eb7e7ffeda1fdbfefbffefffffdffbdbffbfdb6efeffbbffbf7feffefebfde6f3cbf7defc6bbff9fffe7ffd3ff7ffffffefffbefefdf39fffffb6e7f64eefd7ffffb7ffffffbfbfbfedfbffffedfbfffffdfffffbbffdffc7ffbf77eebf7dae6dbbff7fefbeafdabfbfdefff3fbfbfdf2dbfff7fffda3dfffbbffbf7bfff67ffaf7ffbfffdf
dora-input-detached,2,fbebfb9fdffdfffff7dffddffbffdbbdff3fffb3fffff7df6bffeefeffffdff3efddfffffffffebdfffefbfb8fffffffffdffdff7f7ffffffffbffdfffeffdf7effcddf7fdfff7befeff7ffffefdbeeffffd7febd9fdfd3debe7effffbbbf5ffdfedbaffffffbf7fd7dbbf7ffeef6febf7f7ffdfdfffefffdda9fdbfefbffffffffdffbfbfbf7fbfefec7bfffbbe7ef5ffbbfde4fbebfffefd7fb6f9fffa3fff7f67bfffefeffff7febde79ffafffee7fffeefc7ffffb7fdffffbbefbfefffffddeffbfffffdfffffbfffdffe7ffbb7ffe33effe4cbb7f5bfffe9f5bbfb7fffff3f7fffffefbbfd7fffde7dff7bbff3f7b7ffffdfff7ffbfefbf
dora-input-detached,3,fbeffbbffebfbfdefff9ef9ffbffffbdefbbeffbffffd7fa69ff7efeeffffffbfffcffffffddfeb9fffefafbbfffff3ffbf3fdff7f5fffffdffbffffefbffff7effcffffffffffaededffffffefdbeffffff7febdffffffdefe7effffbbaffdefffdbafffffffffffffabffffc7fe7fbb3f7ffffbff6efffdda9fdbfefbbffffffaeffbdbffbffbeefeefbfffbbe7efdffbbfdecfbebf7fef97fbefbfffa7fef3777ffffefffbfbebebdb79bf3ffbee7fe5eefe7ffffbf1fdfffbaffbfeffffedfedfbfffffffff7fbfffdffc7efbe63ffffed9e4dbfff7ffffeafd8bfb7b7fff3f7fbfff6f3bfdfffffe7dfffbaff9ffbfffefdfbf7ffbfbebf
dora-input-detached,4,ffebfbbfdfbdb7fefffffc9ffbffffbdef3feffbfffef7fa69ffeefefffffffbfefcfffffffffebbfffefefbbffbffbffbffffff7ffffffddbfbbf5fefeffff7ebfcfdf6fdffffaebefffffffefdbeffffff7fe3dffcffbdefe5effefbbbf7dfffedbefffffffffffefabffffcefefeaf3f7ffff9ffeeffffda9fdbfefbffecfffafffbdb7bfffbeefecffbffbb6faffffabe5ecdbe3f7fefd7fbffbfffa3fff3fe7bfffefeffff6befde79ffffff6e7feaeefc7ffffff5fffffbbefbfeffbffffedbbffffffbffffbfffdffe7ffbb7bfdbfffae6cbbff7fffeaafdaafbfdffff3f7fbfff2fbbf9fffffa7ffffbaffbffbfffefbf7f7ffbfffbf
"""

LOSSES = """\
arm,losses
lora,0.72134 0.69743 0.69601 0.76177 0.76717 0.84153 0.72321 1.4102 0.74415 0.90466 0.92078 0.67545 0.96989 0.66905 0.66878 0.68899 0.71537 0.85116 0.66292 0.60825 0.70522 0.73384 0.65644 0.64381 0.7647 0.62813 0.62073 0.62093 0.60135 0.4244 0.36573 0.51427 0.81376 0.91172 0.45912 0.46348 0.29858 0.37736 0.35559 0.45139 0.43628 0.78396 0.50429 0.44245 0.85003 0.41485 0.51238 0.50549 0.43428 0.61028 0.3901 0.32582 0.42597 0.52148 0.253 0.48756 0.37249 0.33094 0.30948 0.23207 0.45038 0.27293 0.41298 0.34567 0.26675 0.29873 0.22278 0.1667 0.76749 0.71194 0.17679 0.25685 0.35777 0.57405 0.43869 0.36097 0.44869 0.29099 0.25556 0.18833 0.30284 0.29966 0.24036 0.43585 0.2001 0.23964 0.15737 0.30243 0.29579 0.23901 0.44361 0.41972 0.23503 0.41881 0.25283 0.11551 0.10254 0.13588 0.16342 0.16654 0.17969 0.068101 0.1851 0.29311 0.17194 0.10747 0.095996 0.10486 0.19242 0.17909 0.031865 0.40786 0.15621 0.23278 0.15479 0.07143 0.20964 0.19538 0.071214 0.082289 0.18307 0.046609 0.095324 0.092888 0.20965 0.20329 0.20068 0.22185 0.23889 0.024684 0.020201 0.20451 0.2326 0.072299 0.15823 0.060896 0.20496 0.064693 0.13331 0.070274 0.090876
dora-output-detached,0.72134 0.69752 0.69596 0.76207 0.7663 0.83945 0.72207 1.4004 0.74092 0.89913 0.91413 0.67097 0.95701 0.66795 0.66445 0.69007 0.72207 0.85856 0.65659 0.60705 0.70021 0.73009 0.65381 0.63773 0.76507 0.62975 0.61697 0.61569 0.60421 0.40302 0.35048 0.53915 0.80785 0.96043 0.44601 0.48548 0.30987 0.38797 0.36331 0.44897 0.49034 0.61769 0.52159 0.39887 0.806 0.40791 0.54337 0.40975 0.44389 0.74176 0.41414 0.33393 0.4054 0.52136 0.28265 0.53033 0.36561 0.2924 0.34738 0.25545 0.52059 0.36512 0.34962 0.34316 0.28209 0.30984 0.22886 0.082917 0.7463 0.72834 0.2165 0.23428 0.31352 0.56181 0.39467 0.34926 0.34352 0.26145 0.31617 0.13269 0.19036 0.31988 0.28164 0.55662 0.14407 0.25075 0.12202 0.34357 0.29291 0.33241 0.33416 0.42343 0.22644 0.41433 0.20499 0.12773 0.073729 0.15662 0.17983 0.10987 0.21968 0.073276 0.10994 0.17258 0.19566 0.13842 0.039871 0.11789 0.18586 0.12234 0.016014 0.49266 0.17205 0.21893 0.17273 0.10648 0.21153 0.24754 0.078002 0.10409 0.087159 0.034776 0.070646 0.064037 0.23305 0.22155 0.11141 0.1965 0.17791 0.048744 0.063186 0.17577 0.14537 0.069419 0.11491 0.10431 0.079401 0.037117 0.10957 0.087144 0.050286
dora-input-detached,0.72134 0.69676 0.69624 0.75845 0.77235 0.86561 0.73075 1.4168 0.77983 0.91196 1.0613 0.82046 0.89615 0.7581 0.83903 0.7251 0.7594 0.82343 0.82953 0.5964 0.71463 0.63545 0.67935 0.56623 0.59126 0.66982 0.59619 0.55291 0.60751 0.61342 0.44923 0.7499 0.41697 0.69115 0.51663 0.53296 0.272 0.53679 0.63622 0.45775 0.38826 0.31034 0.45748 0.42981 0.68812 0.29908 0.49157 0.42545 0.30337 0.8198 0.32003 0.24993 0.32213 0.3044 0.25473 0.53305 0.50778 0.3737 0.34289 0.28039 0.333 0.34417 0.40138 0.4164 0.48319 0.17251 0.26219 0.35513 0.43998 0.61309 0.25834 0.2689 0.32477 0.49075 0.37183 0.31805 0.26127 0.29457 0.20959 0.17575 0.188 0.26574 0.21773 0.73326 0.10395 0.32123 0.15046 0.38304 0.33611 0.2646 0.43079 0.42971 0.27262 0.56947 0.30005 0.157 0.16636 0.11999 0.1703 0.1485 0.23284 0.15754 0.21552 0.3001 0.24764 0.18353 0.10984 0.19297 0.13861 0.25256 0.16064 0.33236 0.28635 0.24329 0.12696 0.13874 0.29423 0.31323 0.17308 0.21533 0.11887 0.054167 0.12014 0.087173 0.30111 0.32171 0.14287 0.30357 0.22691 0.055053 0.09824 0.24551 0.27139 0.09426 0.22131 0.12932 0.26733 0.096866 0.29819 0.12508 0.080221
peft-dora,0.72134 0.69752 0.69596 0.76207 0.7663 0.83945 0.72207 1.4004 0.74092 0.89913 0.91413 0.67097 0.95701 0.66795 0.66445 0.69007 0.72207 0.85856 0.65659 0.60705 0.70021 0.73009 0.65381 0.63773 0.76507 0.62975 0.61697 0.61569 0.60421 0.40302 0.35048 0.53914 0.80786 0.96043 0.44602 0.48547 0.30986 0.38796 0.3633 0.44896 0.49033 0.6177 0.52157 0.39887 0.80594 0.40789 0.54337 0.40975 0.44385 0.74159 0.41409 0.33392 0.40539 0.52135 0.28257 0.53026 0.36559 0.29251 0.34736 0.2554 0.52045 0.36504 0.34968 0.34318 0.28219 0.30979 0.2291 0.083001 0.74598 0.72804 0.21662 0.23425 0.31366 0.56154 0.39466 0.3492 0.34363 0.26147 0.31616 0.13271 0.19027 0.32023 0.2815 0.55677 0.14419 0.25059 0.12215 0.34377 0.29284 0.33246 0.33396 0.42337 0.22642 0.41434 0.205 0.12768 0.07367 0.15662 0.1799 0.1098 0.21988 0.073392 0.11001 0.17302 0.19572 0.13838 0.03989 0.11807 0.18577 0.12242 0.016012 0.49302 0.17186 0.21902 0.17257 0.10655 0.21147 0.24732 0.078019 0.10407 0.087262 0.034826 0.070725 0.064022 0.23306 0.22157 0.11143 0.19648 0.17802 0.048867 0.063178 0.17589 0.14551 0.069374 0.11485 0.10435 0.079376 0.037172 0.10969 0.087157 0.050295
"""

MOVES = """\
arm,layer,kind,per,dM,dD
lora,0,query,output,0.003 0.0046 0.00617 0.00665,0.000747 0.00162 0.00238 0.00262
lora,0,query,input,0.0031 0.0056 0.00737 0.00807,0.000616 0.00145 0.00217 0.00245
lora,0,key,output,0.00235 0.00455 0.00549 0.00582,0.000537 0.00152 0.00212 0.00232
lora,0,key,input,0.00253 0.0045 0.00537 0.00577,0.000434 0.00128 0.00175 0.00192
lora,0,value,output,0.00263 0.00524 0.00647 0.00662,0.00225 0.00577 0.00769 0.00786
lora,0,value,input,0.00248 0.00495 0.00622 0.00635,0.00214 0.00526 0.00703 0.0072
lora,0,attention out,output,0.0025 0.00484 0.00627 0.00652,0.00204 0.00479 0.00658 0.00692
lora,0,attention out,input,0.0029 0.00559 0.00687 0.0071,0.00212 0.00498 0.00683 0.00717
lora,0,widening,output,0.00247 0.00404 0.00494 0.00525,0.00122 0.00261 0.0033 0.0035
lora,0,widening,input,0.00306 0.00596 0.0077 0.00827,0.00109 0.00234 0.003 0.00319
lora,0,narrowing,output,0.00158 0.0042 0.00506 0.0052,0.000717 0.00223 0.00284 0.00293
lora,0,narrowing,input,0.00148 0.00297 0.00349 0.00357,0.000765 0.00238 0.00303 0.00311
lora,1,query,output,0.00267 0.00505 0.00641 0.00643,0.000781 0.00214 0.00284 0.00291
lora,1,query,input,0.00314 0.00565 0.00679 0.00702,0.000745 0.00209 0.00277 0.00283
lora,1,key,output,0.00278 0.00561 0.00761 0.00781,0.000732 0.00228 0.00332 0.0034
lora,1,key,input,0.00267 0.00547 0.00738 0.00754,0.000744 0.00233 0.0034 0.00346
lora,1,value,output,0.0035 0.00542 0.00602 0.00606,0.00194 0.00361 0.00415 0.00423
lora,1,value,input,0.0035 0.00525 0.00575 0.00582,0.00293 0.00418 0.00456 0.00466
lora,1,attention out,output,0.00311 0.0063 0.00818 0.00844,0.00294 0.00717 0.00983 0.0101
lora,1,attention out,input,0.00323 0.00659 0.00857 0.00873,0.00225 0.00594 0.00816 0.00833
lora,1,widening,output,0.00265 0.00397 0.00462 0.00467,0.00106 0.00206 0.0026 0.00267
lora,1,widening,input,0.00324 0.00544 0.0067 0.00688,0.000902 0.0018 0.00228 0.00235
lora,1,narrowing,output,0.00147 0.00345 0.0046 0.00471,0.000652 0.00177 0.00241 0.00251
lora,1,narrowing,input,0.00152 0.00274 0.00335 0.00339,0.000652 0.00183 0.00246 0.00256
lora,2,query,output,0.00284 0.00551 0.00737 0.0074,0.000746 0.00202 0.00288 0.00287
lora,2,query,input,0.00259 0.00506 0.00698 0.00707,0.000765 0.00206 0.00294 0.00294
lora,2,key,output,0.00297 0.00553 0.00705 0.00736,0.000852 0.0023 0.00318 0.00336
lora,2,key,input,0.0031 0.00587 0.00729 0.00764,0.000917 0.0025 0.00344 0.00365
lora,2,value,output,0.00266 0.00427 0.00508 0.00517,0.00124 0.00237 0.00287 0.00293
lora,2,value,input,0.0027 0.00417 0.00498 0.00504,0.00206 0.00297 0.00364 0.00365
lora,2,attention out,output,0.00292 0.00449 0.00567 0.00592,0.00288 0.00533 0.00702 0.00729
lora,2,attention out,input,0.0031 0.00463 0.00562 0.00585,0.00182 0.00349 0.00454 0.00472
lora,2,widening,output,0.00274 0.00472 0.0053 0.00542,0.00118 0.00284 0.00336 0.00347
lora,2,widening,input,0.00323 0.00586 0.00687 0.00708,0.000967 0.00232 0.00279 0.00287
lora,2,narrowing,output,0.00123 0.00237 0.00302 0.0031,0.000532 0.00127 0.00172 0.00175
lora,2,narrowing,input,0.00134 0.00217 0.00262 0.00264,0.00052 0.00122 0.00164 0.00166
lora,3,query,output,0.00379 0.00946 0.0104 0.0104,0.00127 0.00435 0.00528 0.00531
lora,3,query,input,0.00374 0.00933 0.0105 0.0105,0.00125 0.00428 0.00523 0.00526
lora,3,key,output,0.00361 0.00751 0.00902 0.00907,0.00131 0.00359 0.00476 0.00478
lora,3,key,input,0.00354 0.0074 0.00915 0.0091,0.00131 0.0036 0.00477 0.00481
lora,3,value,output,0.00295 0.00409 0.00468 0.00477,0.00129 0.002 0.00246 0.00254
lora,3,value,input,0.00269 0.00392 0.00438 0.00446,0.00188 0.00256 0.00306 0.00316
lora,3,attention out,output,0.0029 0.00458 0.00586 0.00598,0.00319 0.0051 0.00704 0.00716
lora,3,attention out,input,0.00313 0.00435 0.00503 0.005,0.00176 0.00293 0.00393 0.00398
lora,3,widening,output,0.00316 0.00478 0.00517 0.00518,0.00163 0.00307 0.00338 0.00341
lora,3,widening,input,0.00406 0.00669 0.00748 0.00758,0.00147 0.0028 0.00311 0.00316
lora,3,narrowing,output,0.00177 0.00366 0.00417 0.00429,0.00112 0.00262 0.00293 0.003
lora,3,narrowing,input,0.00182 0.00303 0.00333 0.00338,0.000963 0.00229 0.00268 0.00273
lora,4,query,output,0.00568 0.00735 0.00795 0.00819,0.00274 0.00402 0.00446 0.00461
lora,4,query,input,0.00569 0.00781 0.00838 0.00865,0.00252 0.00372 0.00414 0.00429
lora,4,key,output,0.00502 0.00769 0.00824 0.00865,0.00235 0.0044 0.00481 0.00507
lora,4,key,input,0.00481 0.00848 0.00907 0.00943,0.00218 0.00427 0.00472 0.005
lora,4,value,output,0.0029 0.00369 0.00434 0.00441,0.00153 0.00212 0.0027 0.00273
lora,4,value,input,0.00304 0.00368 0.00431 0.00436,0.00262 0.00296 0.00365 0.00369
lora,4,attention out,output,0.00197 0.00273 0.00311 0.00319,0.00184 0.00284 0.00358 0.00364
lora,4,attention out,input,0.00272 0.00322 0.00359 0.0036,0.00141 0.00214 0.00269 0.00275
lora,4,widening,output,0.00242 0.00326 0.00354 0.00356,0.00104 0.00174 0.002 0.00203
lora,4,widening,input,0.00284 0.00434 0.0048 0.00484,0.000972 0.00165 0.00188 0.00191
lora,4,narrowing,output,0.00157 0.00243 0.00266 0.00266,0.000771 0.00143 0.00163 0.00164
lora,4,narrowing,input,0.00151 0.00199 0.00212 0.00212,0.000684 0.00125 0.00145 0.00146
lora,5,query,output,0.00404 0.00593 0.00668 0.00673,0.00198 0.00356 0.00403 0.00402
lora,5,query,input,0.00455 0.00682 0.00771 0.00773,0.0021 0.00365 0.00405 0.00405
lora,5,key,output,0.00272 0.0038 0.00383 0.00392,0.000936 0.00201 0.00203 0.00209
lora,5,key,input,0.0028 0.00417 0.00431 0.0044,0.000953 0.00202 0.00203 0.0021
lora,5,value,output,0.00164 0.00206 0.00239 0.00238,0.000577 0.000817 0.00101 0.00101
lora,5,value,input,0.00161 0.00187 0.00216 0.00215,0.000696 0.000932 0.00112 0.00112
lora,5,attention out,output,0.00175 0.0021 0.0025 0.00244,0.00111 0.00157 0.00186 0.00182
lora,5,attention out,input,0.00176 0.00213 0.00244 0.00238,0.000981 0.00137 0.00163 0.0016
lora,5,widening,output,0.00169 0.00209 0.00232 0.00237,0.000714 0.00108 0.00129 0.00132
lora,5,widening,input,0.00255 0.00326 0.0036 0.00364,0.000721 0.00109 0.00131 0.00134
lora,5,narrowing,output,0.000779 0.000935 0.000969 0.000968,0.000336 0.00042 0.000441 0.000443
lora,5,narrowing,input,0.000977 0.00107 0.00117 0.00119,0.000333 0.000416 0.000445 0.000448
dora-output-detached,0,query,output,0.0123 0.0172 0.0193 0.0195,0.000724 0.00163 0.00228 0.00241
dora-output-detached,0,query,input,0.00416 0.00631 0.0068 0.00703,0.000629 0.00153 0.00217 0.00228
dora-output-detached,0,key,output,0.0126 0.0178 0.02 0.0202,0.000535 0.00151 0.00205 0.00222
dora-output-detached,0,key,input,0.00357 0.00579 0.0064 0.00653,0.000468 0.00132 0.00178 0.00191
dora-output-detached,0,value,output,0.0118 0.0173 0.019 0.0193,0.00223 0.00598 0.0078 0.00796
dora-output-detached,0,value,input,0.00238 0.00432 0.0053 0.00542,0.00229 0.00578 0.00761 0.0078
dora-output-detached,0,attention out,output,0.0113 0.0171 0.0187 0.019,0.00206 0.00508 0.0068 0.00699
dora-output-detached,0,attention out,input,0.00318 0.00648 0.00717 0.00733,0.00227 0.0055 0.0073 0.0075
dora-output-detached,0,widening,output,0.0114 0.0157 0.0176 0.0179,0.00119 0.0026 0.00324 0.00335
dora-output-detached,0,widening,input,0.00265 0.00455 0.00531 0.00547,0.00111 0.00244 0.00306 0.00318
dora-output-detached,0,narrowing,output,0.0124 0.0179 0.0197 0.0199,0.00073 0.00211 0.00255 0.00265
dora-output-detached,0,narrowing,input,0.00192 0.00305 0.00345 0.00351,0.000817 0.00234 0.00282 0.00293
dora-output-detached,1,query,output,0.0135 0.0185 0.0207 0.0208,0.00077 0.00212 0.00301 0.00307
dora-output-detached,1,query,input,0.00347 0.0054 0.00637 0.00644,0.000783 0.00215 0.00302 0.00306
dora-output-detached,1,key,output,0.0132 0.0182 0.0202 0.0204,0.000715 0.00193 0.00263 0.0027
dora-output-detached,1,key,input,0.00281 0.00494 0.00594 0.0061,0.000771 0.00205 0.00277 0.00285
dora-output-detached,1,value,output,0.0133 0.019 0.021 0.0211,0.00191 0.00348 0.00415 0.00421
dora-output-detached,1,value,input,0.00337 0.00476 0.00538 0.00536,0.00296 0.00426 0.00481 0.0049
dora-output-detached,1,attention out,output,0.0122 0.0174 0.0191 0.019,0.00292 0.00716 0.0101 0.0102
dora-output-detached,1,attention out,input,0.00432 0.00785 0.00947 0.00955,0.00237 0.00607 0.00846 0.00851
dora-output-detached,1,widening,output,0.0118 0.0155 0.0169 0.017,0.00105 0.00199 0.00247 0.00251
dora-output-detached,1,widening,input,0.00304 0.00433 0.00489 0.00487,0.000949 0.00183 0.00227 0.00231
dora-output-detached,1,narrowing,output,0.0129 0.0192 0.0217 0.0222,0.000675 0.00174 0.00228 0.00236
dora-output-detached,1,narrowing,input,0.00202 0.00394 0.00474 0.00487,0.000715 0.00188 0.00242 0.00251
dora-output-detached,2,query,output,0.0141 0.0192 0.0215 0.0218,0.000729 0.00182 0.00255 0.00266
dora-output-detached,2,query,input,0.00325 0.00518 0.0064 0.00653,0.000803 0.00197 0.00272 0.00285
dora-output-detached,2,key,output,0.0138 0.0188 0.0212 0.0214,0.000846 0.00215 0.00305 0.00327
dora-output-detached,2,key,input,0.00314 0.00531 0.00652 0.00674,0.000959 0.00243 0.00346 0.00372
dora-output-detached,2,value,output,0.0128 0.0169 0.0186 0.0191,0.00121 0.00241 0.00321 0.00324
dora-output-detached,2,value,input,0.00277 0.00416 0.005 0.00497,0.00204 0.00323 0.00426 0.00429
dora-output-detached,2,attention out,output,0.0131 0.0171 0.0181 0.0184,0.00286 0.00533 0.00753 0.00774
dora-output-detached,2,attention out,input,0.00329 0.00464 0.00576 0.0058,0.00192 0.00367 0.00507 0.00519
dora-output-detached,2,widening,output,0.0113 0.0138 0.015 0.0153,0.00117 0.00284 0.00338 0.00352
dora-output-detached,2,widening,input,0.00297 0.00502 0.00602 0.00623,0.00102 0.0024 0.00288 0.00298
dora-output-detached,2,narrowing,output,0.0118 0.0165 0.0181 0.0183,0.000543 0.00128 0.00171 0.00179
dora-output-detached,2,narrowing,input,0.00147 0.00235 0.00263 0.00271,0.00056 0.00131 0.00171 0.00178
dora-output-detached,3,query,output,0.014 0.0178 0.019 0.019,0.00119 0.00389 0.00453 0.00457
dora-output-detached,3,query,input,0.00358 0.00794 0.00851 0.0085,0.00122 0.00386 0.00454 0.00458
dora-output-detached,3,key,output,0.0139 0.0179 0.0191 0.0191,0.00129 0.00322 0.00368 0.00378
dora-output-detached,3,key,input,0.00349 0.00607 0.00662 0.00669,0.00133 0.00332 0.00381 0.00392
dora-output-detached,3,value,output,0.0134 0.0162 0.017 0.017,0.00125 0.0021 0.00223 0.00227
dora-output-detached,3,value,input,0.00274 0.00401 0.00409 0.00407,0.00189 0.00278 0.00291 0.00294
dora-output-detached,3,attention out,output,0.012 0.015 0.0159 0.0161,0.00311 0.00494 0.00691 0.00695
dora-output-detached,3,attention out,input,0.00304 0.00388 0.00457 0.0045,0.00181 0.00297 0.00393 0.00396
dora-output-detached,3,widening,output,0.012 0.0144 0.0154 0.0155,0.00158 0.00303 0.00319 0.00327
dora-output-detached,3,widening,input,0.00361 0.00553 0.00577 0.00585,0.00149 0.00286 0.00305 0.00313
dora-output-detached,3,narrowing,output,0.0129 0.0155 0.0166 0.0167,0.00108 0.00257 0.00268 0.00272
dora-output-detached,3,narrowing,input,0.00195 0.00329 0.00341 0.00341,0.000971 0.00235 0.00257 0.0026
dora-output-detached,4,query,output,0.0162 0.0196 0.0214 0.0217,0.0026 0.00378 0.00429 0.00425
dora-output-detached,4,query,input,0.00508 0.00664 0.00718 0.00718,0.00246 0.00358 0.00406 0.00404
dora-output-detached,4,key,output,0.0162 0.0196 0.0213 0.0216,0.00223 0.00413 0.00434 0.00464
dora-output-detached,4,key,input,0.00441 0.0074 0.00777 0.00806,0.00213 0.00406 0.00433 0.00462
dora-output-detached,4,value,output,0.0132 0.0152 0.0161 0.0162,0.00147 0.00221 0.00267 0.00267
dora-output-detached,4,value,input,0.0037 0.00576 0.00642 0.00638,0.00256 0.00318 0.00372 0.00372
dora-output-detached,4,attention out,output,0.011 0.014 0.0149 0.0149,0.00179 0.00303 0.00382 0.00388
dora-output-detached,4,attention out,input,0.00356 0.00565 0.00627 0.00625,0.00147 0.00245 0.00308 0.00312
dora-output-detached,4,widening,output,0.0102 0.0122 0.0127 0.0127,0.00101 0.00174 0.00197 0.00198
dora-output-detached,4,widening,input,0.00267 0.0036 0.00394 0.00395,0.001 0.00172 0.00194 0.00195
dora-output-detached,4,narrowing,output,0.0111 0.0143 0.0149 0.015,0.000767 0.00151 0.00169 0.00167
dora-output-detached,4,narrowing,input,0.00158 0.00236 0.00254 0.00254,0.000721 0.00137 0.00154 0.00153
dora-output-detached,5,query,output,0.0128 0.0151 0.0159 0.016,0.00194 0.0037 0.00443 0.00437
dora-output-detached,5,query,input,0.00552 0.00772 0.00901 0.00904,0.0021 0.00385 0.00451 0.00446
dora-output-detached,5,key,output,0.0128 0.0151 0.0161 0.0161,0.000909 0.00199 0.00211 0.00212
dora-output-detached,5,key,input,0.00417 0.00553 0.00586 0.00582,0.000975 0.00206 0.00219 0.0022
dora-output-detached,5,value,output,0.0101 0.0133 0.014 0.0141,0.00058 0.000847 0.000983 0.000954
dora-output-detached,5,value,input,0.00464 0.0071 0.00756 0.00764,0.000739 0.00103 0.00117 0.00114
dora-output-detached,5,attention out,output,0.0106 0.0136 0.0144 0.0145,0.0011 0.00155 0.00175 0.00165
dora-output-detached,5,attention out,input,0.00559 0.00813 0.00883 0.00889,0.00104 0.00145 0.00165 0.00157
dora-output-detached,5,widening,output,0.00839 0.0102 0.0107 0.0108,0.000711 0.00109 0.00123 0.00124
dora-output-detached,5,widening,input,0.00258 0.00309 0.00328 0.00326,0.000767 0.00118 0.00133 0.00134
dora-output-detached,5,narrowing,output,0.00843 0.0122 0.013 0.013,0.000348 0.000363 0.000434 0.000417
dora-output-detached,5,narrowing,input,0.00183 0.0034 0.00364 0.00364,0.000368 0.000405 0.000484 0.000468
dora-input-detached-swapped,0,query,output,0.00341 0.00607 0.00649 0.00701,0.000779 0.00236 0.00285 0.00313
dora-input-detached-swapped,0,query,input,0.0123 0.0173 0.0187 0.0192,0.000619 0.00196 0.00241 0.00266
dora-input-detached-swapped,0,key,output,0.00325 0.00586 0.00627 0.00678,0.000576 0.0018 0.00218 0.0024
dora-input-detached-swapped,0,key,input,0.0117 0.0187 0.0208 0.0213,0.000437 0.00138 0.0017 0.00188
dora-input-detached-swapped,0,value,output,0.00376 0.00756 0.00945 0.00999,0.00238 0.00596 0.00759 0.00807
dora-input-detached-swapped,0,value,input,0.012 0.0188 0.0211 0.0219,0.00216 0.00521 0.00645 0.00689
dora-input-detached-swapped,0,attention out,output,0.0023 0.00438 0.00567 0.00569,0.0022 0.00558 0.00757 0.00794
dora-input-detached-swapped,0,attention out,input,0.012 0.0176 0.0196 0.0201,0.00214 0.00554 0.00762 0.00802
dora-input-detached-swapped,0,widening,output,0.00253 0.00397 0.00461 0.00464,0.00117 0.00263 0.00311 0.00317
dora-input-detached-swapped,0,widening,input,0.0129 0.0176 0.0194 0.02,0.00101 0.00232 0.00279 0.00284
dora-input-detached-swapped,0,narrowing,output,0.00238 0.00399 0.00468 0.00485,0.000875 0.00219 0.0027 0.00287
dora-input-detached-swapped,0,narrowing,input,0.012 0.0167 0.0184 0.0186,0.000778 0.00201 0.00249 0.00266
dora-input-detached-swapped,1,query,output,0.00383 0.00643 0.00737 0.00762,0.00081 0.00189 0.00229 0.0024
dora-input-detached-swapped,1,query,input,0.0129 0.0192 0.0215 0.0218,0.000735 0.00176 0.00213 0.00224
dora-input-detached-swapped,1,key,output,0.00415 0.00607 0.00761 0.00785,0.000784 0.00179 0.00265 0.00288
dora-input-detached-swapped,1,key,input,0.0138 0.02 0.022 0.0223,0.000753 0.00175 0.0026 0.00285
dora-input-detached-swapped,1,value,output,0.00362 0.00578 0.00715 0.00743,0.00187 0.00372 0.00467 0.00496
dora-input-detached-swapped,1,value,input,0.0138 0.0189 0.0207 0.0211,0.0026 0.0042 0.00509 0.00541
dora-input-detached-swapped,1,attention out,output,0.00309 0.00503 0.00566 0.00572,0.00304 0.00644 0.00807 0.00817
dora-input-detached-swapped,1,attention out,input,0.0138 0.0191 0.021 0.0213,0.00224 0.00494 0.00615 0.00626
dora-input-detached-swapped,1,widening,output,0.00258 0.00358 0.00388 0.00394,0.00103 0.00195 0.00228 0.00236
dora-input-detached-swapped,1,widening,input,0.0128 0.0172 0.0189 0.019,0.000875 0.00167 0.00198 0.00205
dora-input-detached-swapped,1,narrowing,output,0.00176 0.00297 0.0035 0.00354,0.000768 0.0018 0.00239 0.00242
dora-input-detached-swapped,1,narrowing,input,0.0121 0.0166 0.0183 0.0186,0.000634 0.00158 0.00211 0.00215
dora-input-detached-swapped,2,query,output,0.00576 0.00848 0.00992 0.0102,0.000777 0.00183 0.0024 0.00249
dora-input-detached-swapped,2,query,input,0.0136 0.0192 0.0215 0.0219,0.000747 0.00179 0.00235 0.00243
dora-input-detached-swapped,2,key,output,0.00555 0.00758 0.00916 0.00959,0.000871 0.00235 0.00298 0.00315
dora-input-detached-swapped,2,key,input,0.0137 0.0191 0.0216 0.0219,0.000892 0.00243 0.00304 0.00322
dora-input-detached-swapped,2,value,output,0.00285 0.00439 0.00537 0.00561,0.0012 0.00234 0.00283 0.00296
dora-input-detached-swapped,2,value,input,0.0128 0.0174 0.0194 0.0197,0.00181 0.00285 0.00328 0.00337
dora-input-detached-swapped,2,attention out,output,0.00308 0.00451 0.00544 0.00575,0.00299 0.0055 0.00724 0.0077
dora-input-detached-swapped,2,attention out,input,0.0127 0.0167 0.0181 0.0184,0.00179 0.00344 0.00457 0.00489
dora-input-detached-swapped,2,widening,output,0.00264 0.00411 0.00448 0.00463,0.00117 0.00257 0.00301 0.00311
dora-input-detached-swapped,2,widening,input,0.0125 0.0159 0.0169 0.0171,0.000949 0.00212 0.0025 0.00259
dora-input-detached-swapped,2,narrowing,output,0.00174 0.00284 0.00301 0.00307,0.000708 0.00161 0.00186 0.00194
dora-input-detached-swapped,2,narrowing,input,0.0124 0.0163 0.0174 0.0177,0.000553 0.00131 0.00153 0.0016
dora-input-detached-swapped,3,query,output,0.00408 0.00747 0.00791 0.0081,0.00124 0.00402 0.0043 0.0045
dora-input-detached-swapped,3,query,input,0.014 0.0177 0.0185 0.0189,0.00116 0.0038 0.00411 0.0043
dora-input-detached-swapped,3,key,output,0.00386 0.00683 0.00812 0.00802,0.00137 0.00345 0.00441 0.00441
dora-input-detached-swapped,3,key,input,0.0144 0.0194 0.0207 0.0209,0.0013 0.00334 0.00429 0.00428
dora-input-detached-swapped,3,value,output,0.00303 0.00405 0.00453 0.00447,0.00131 0.00214 0.00252 0.00253
dora-input-detached-swapped,3,value,input,0.0123 0.0158 0.0171 0.0174,0.00182 0.00264 0.0031 0.00312
dora-input-detached-swapped,3,attention out,output,0.00292 0.00508 0.00664 0.00665,0.00338 0.00633 0.00889 0.00888
dora-input-detached-swapped,3,attention out,input,0.0136 0.0168 0.0173 0.0173,0.00177 0.00339 0.00445 0.00446
dora-input-detached-swapped,3,widening,output,0.00296 0.00397 0.00428 0.00432,0.00157 0.00261 0.00296 0.00301
dora-input-detached-swapped,3,widening,input,0.0125 0.0159 0.017 0.0172,0.0014 0.00239 0.0027 0.00276
dora-input-detached-swapped,3,narrowing,output,0.00247 0.00404 0.00423 0.00431,0.00119 0.00227 0.00254 0.00257
dora-input-detached-swapped,3,narrowing,input,0.0126 0.0151 0.0159 0.0161,0.000887 0.00183 0.0021 0.00209
dora-input-detached-swapped,4,query,output,0.00527 0.00633 0.00662 0.0069,0.00253 0.00373 0.00405 0.00432
dora-input-detached-swapped,4,query,input,0.014 0.0169 0.0172 0.0175,0.0023 0.00345 0.00377 0.00402
dora-input-detached-swapped,4,key,output,0.00478 0.00609 0.00646 0.0066,0.00216 0.0039 0.00428 0.00452
dora-input-detached-swapped,4,key,input,0.0147 0.0177 0.0191 0.0193,0.00195 0.0037 0.00411 0.00434
dora-input-detached-swapped,4,value,output,0.00463 0.00627 0.00622 0.00618,0.00158 0.00239 0.00273 0.00273
dora-input-detached-swapped,4,value,input,0.0145 0.0177 0.0185 0.0186,0.00259 0.00325 0.00349 0.00348
dora-input-detached-swapped,4,attention out,output,0.0025 0.00399 0.0043 0.00424,0.00195 0.00285 0.00379 0.00378
dora-input-detached-swapped,4,attention out,input,0.0135 0.0161 0.0166 0.0166,0.00142 0.00213 0.00281 0.00281
dora-input-detached-swapped,4,widening,output,0.0024 0.00312 0.00326 0.00329,0.00101 0.00172 0.00187 0.00189
dora-input-detached-swapped,4,widening,input,0.0123 0.0152 0.0157 0.0157,0.000933 0.00159 0.00172 0.00175
dora-input-detached-swapped,4,narrowing,output,0.00198 0.00359 0.00384 0.00388,0.000913 0.00174 0.00178 0.00177
dora-input-detached-swapped,4,narrowing,input,0.0114 0.0138 0.0142 0.0143,0.000702 0.00137 0.00142 0.00142
dora-input-detached-swapped,5,query,output,0.00483 0.00741 0.00839 0.0086,0.00197 0.00404 0.00471 0.00484
dora-input-detached-swapped,5,query,input,0.0131 0.016 0.017 0.0171,0.00208 0.00412 0.00475 0.00488
dora-input-detached-swapped,5,key,output,0.00402 0.00593 0.00621 0.0062,0.00099 0.00211 0.00206 0.00216
dora-input-detached-swapped,5,key,input,0.0115 0.0146 0.0153 0.0154,0.000966 0.00204 0.00199 0.00208
dora-input-detached-swapped,5,value,output,0.00673 0.00943 0.00985 0.00994,0.000662 0.000908 0.00101 0.000982
dora-input-detached-swapped,5,value,input,0.0113 0.0143 0.0152 0.0152,0.000717 0.000955 0.00104 0.00102
dora-input-detached-swapped,5,attention out,output,0.00405 0.00639 0.00676 0.00683,0.0012 0.00144 0.00149 0.00146
dora-input-detached-swapped,5,attention out,input,0.0101 0.0124 0.0133 0.0134,0.00101 0.00119 0.00122 0.0012
dora-input-detached-swapped,5,widening,output,0.0023 0.00244 0.00239 0.00241,0.000756 0.00106 0.00119 0.00119
dora-input-detached-swapped,5,widening,input,0.013 0.0154 0.0158 0.0159,0.00074 0.00105 0.00117 0.00117
dora-input-detached-swapped,5,narrowing,output,0.00557 0.00529 0.00476 0.00473,0.00045 0.000571 0.000629 0.000617
dora-input-detached-swapped,5,narrowing,input,0.0102 0.0121 0.0125 0.0126,0.00032 0.000376 0.000413 0.000399
full,0,query,output,0.000494 0.000662 0.000706 0.00071,1.96e-05 3.78e-05 4.58e-05 4.72e-05
full,0,query,input,0.000582 0.000772 0.000864 0.000878,1.66e-05 3.25e-05 3.98e-05 4.12e-05
full,0,key,output,0.000568 0.000758 0.000818 0.000823,2.22e-05 4.2e-05 4.98e-05 5.12e-05
full,0,key,input,0.000494 0.000728 0.000817 0.000835,1.78e-05 3.42e-05 4.12e-05 4.25e-05
full,0,value,output,0.00052 0.000811 0.000881 0.000892,8.29e-05 0.000165 0.000195 0.0002
full,0,value,input,0.000393 0.000572 0.000616 0.000626,8.27e-05 0.000159 0.000187 0.000191
full,0,attention out,output,0.000469 0.000633 0.000695 0.000704,7.62e-05 0.000149 0.000178 0.000183
full,0,attention out,input,0.000511 0.000773 0.000833 0.000842,7.82e-05 0.000153 0.000183 0.000188
full,0,widening,output,0.000652 0.000876 0.00094 0.000957,4.09e-05 7.79e-05 9.21e-05 9.47e-05
full,0,widening,input,0.000449 0.000631 0.000672 0.000685,3.58e-05 6.76e-05 8.01e-05 8.23e-05
full,0,narrowing,output,0.000307 0.000444 0.000479 0.000484,7.79e-05 0.000138 0.00016 0.000165
full,0,narrowing,input,0.00057 0.000775 0.000825 0.000836,8.29e-05 0.000147 0.000171 0.000175
full,1,query,output,0.000666 0.000983 0.00105 0.00107,2.26e-05 4.3e-05 5.01e-05 5.12e-05
full,1,query,input,0.000526 0.000772 0.000839 0.000849,2.22e-05 4.29e-05 5.01e-05 5.13e-05
full,1,key,output,0.000646 0.000957 0.00102 0.00103,2.31e-05 4.3e-05 5.08e-05 5.23e-05
full,1,key,input,0.000549 0.000773 0.000837 0.000845,2.32e-05 4.41e-05 5.24e-05 5.4e-05
full,1,value,output,0.000546 0.000815 0.000875 0.000886,5.27e-05 9.74e-05 0.000113 0.000116
full,1,value,input,0.000479 0.000655 0.000717 0.000723,6.79e-05 0.000116 0.000132 0.000135
full,1,attention out,output,0.000459 0.000628 0.000679 0.000687,9.77e-05 0.000178 0.000206 0.000211
full,1,attention out,input,0.000613 0.000943 0.00101 0.00102,7.35e-05 0.000138 0.000161 0.000165
full,1,widening,output,0.000735 0.00093 0.000976 0.000993,3.44e-05 6.52e-05 7.67e-05 7.89e-05
full,1,widening,input,0.000503 0.000682 0.000738 0.000752,2.96e-05 5.6e-05 6.58e-05 6.77e-05
full,1,narrowing,output,0.000414 0.00058 0.000608 0.000619,7.88e-05 0.000139 0.000159 0.000164
full,1,narrowing,input,0.000602 0.000847 0.000913 0.000927,7.73e-05 0.000138 0.000158 0.000163
full,2,query,output,0.000703 0.000942 0.00101 0.00103,2.6e-05 4.97e-05 5.77e-05 5.92e-05
full,2,query,input,0.00054 0.000775 0.000833 0.000847,2.63e-05 5.01e-05 5.8e-05 5.95e-05
full,2,key,output,0.000674 0.000879 0.000938 0.000952,2.58e-05 4.7e-05 5.48e-05 5.64e-05
full,2,key,input,0.000542 0.000719 0.00077 0.000778,2.71e-05 4.97e-05 5.8e-05 5.97e-05
full,2,value,output,0.000517 0.000687 0.000741 0.00075,4.27e-05 7.29e-05 8.39e-05 8.66e-05
full,2,value,input,0.00045 0.000631 0.000666 0.000675,6.05e-05 9.5e-05 0.000107 0.00011
full,2,attention out,output,0.00048 0.000639 0.000676 0.000683,9.58e-05 0.000165 0.000188 0.000193
full,2,attention out,input,0.000559 0.000749 0.000804 0.000819,6.36e-05 0.000114 0.000131 0.000135
full,2,widening,output,0.000707 0.000891 0.000941 0.000954,3.66e-05 6.43e-05 7.34e-05 7.54e-05
full,2,widening,input,0.000453 0.000606 0.000664 0.000679,3.07e-05 5.49e-05 6.27e-05 6.45e-05
full,2,narrowing,output,0.000403 0.000531 0.000548 0.000559,8.42e-05 0.000141 0.000157 0.000161
full,2,narrowing,input,0.000595 0.000783 0.000833 0.000845,7.55e-05 0.000127 0.000142 0.000146
full,3,query,output,0.000598 0.000743 0.000764 0.000777,2.9e-05 4.96e-05 5.45e-05 5.62e-05
full,3,query,input,0.000548 0.000679 0.000706 0.00072,2.84e-05 4.88e-05 5.39e-05 5.56e-05
full,3,key,output,0.00062 0.000761 0.000781 0.000794,3.07e-05 5.06e-05 5.65e-05 5.8e-05
full,3,key,input,0.000592 0.000722 0.000772 0.00078,3.03e-05 5.07e-05 5.69e-05 5.84e-05
full,3,value,output,0.000494 0.000618 0.00065 0.000657,3.77e-05 5.63e-05 6.17e-05 6.25e-05
full,3,value,input,0.000461 0.000554 0.000575 0.000582,5.53e-05 7.83e-05 8.47e-05 8.51e-05
full,3,attention out,output,0.000482 0.000615 0.000638 0.000642,0.000103 0.000163 0.000178 0.000181
full,3,attention out,input,0.000587 0.0007 0.000727 0.000734,5.39e-05 8.64e-05 9.54e-05 9.7e-05
full,3,widening,output,0.000768 0.000902 0.000916 0.000919,4.33e-05 7.02e-05 7.71e-05 7.88e-05
full,3,widening,input,0.00043 0.000571 0.0006 0.000605,3.89e-05 6.36e-05 7.01e-05 7.18e-05
full,3,narrowing,output,0.000383 0.00047 0.000483 0.000481,0.000106 0.000161 0.00017 0.000171
full,3,narrowing,input,0.000611 0.000737 0.000759 0.000763,9.36e-05 0.000141 0.000149 0.00015
full,4,query,output,0.000641 0.000776 0.000785 0.000785,3.74e-05 6.01e-05 6.23e-05 6.32e-05
full,4,query,input,0.000615 0.000755 0.000747 0.000748,3.46e-05 5.62e-05 5.86e-05 5.95e-05
full,4,key,output,0.00065 0.000774 0.000792 0.000793,4e-05 6.36e-05 6.75e-05 6.82e-05
full,4,key,input,0.000593 0.000746 0.000766 0.000772,3.78e-05 6.07e-05 6.48e-05 6.55e-05
full,4,value,output,0.000523 0.00063 0.000644 0.000647,5.08e-05 7.15e-05 7.45e-05 7.48e-05
full,4,value,input,0.000569 0.000659 0.000657 0.000654,9.03e-05 0.000119 0.000118 0.000116
full,4,attention out,output,0.000442 0.000541 0.000544 0.000545,8.44e-05 0.000119 0.000127 0.000128
full,4,attention out,input,0.000605 0.000721 0.000735 0.000736,6.2e-05 8.87e-05 9.53e-05 9.67e-05
full,4,widening,output,0.000671 0.000783 0.000783 0.000779,4.24e-05 6.41e-05 6.76e-05 6.92e-05
full,4,widening,input,0.000483 0.000576 0.000579 0.000582,3.99e-05 6.03e-05 6.35e-05 6.49e-05
full,4,narrowing,output,0.000343 0.000414 0.000413 0.000416,8.09e-05 0.000114 0.000116 0.000117
full,4,narrowing,input,0.000538 0.000633 0.000633 0.000633,7.3e-05 0.000104 0.000107 0.000107
full,5,query,output,0.000545 0.000668 0.000677 0.00068,2.73e-05 4.05e-05 4.33e-05 4.4e-05
full,5,query,input,0.000541 0.000632 0.000665 0.000673,2.86e-05 4.2e-05 4.44e-05 4.51e-05
full,5,key,output,0.000491 0.000594 0.000597 0.000603,2.67e-05 3.89e-05 4.05e-05 4.13e-05
full,5,key,input,0.000575 0.000693 0.00069 0.000692,2.73e-05 3.96e-05 4.13e-05 4.2e-05
full,5,value,output,0.000463 0.000564 0.000588 0.000597,2.75e-05 3.77e-05 3.98e-05 4.1e-05
full,5,value,input,0.000407 0.000478 0.000493 0.000495,3.63e-05 4.85e-05 4.97e-05 5.04e-05
full,5,attention out,output,0.000331 0.000415 0.000433 0.000441,4.2e-05 5.9e-05 6.29e-05 6.41e-05
full,5,attention out,input,0.000379 0.000455 0.000479 0.000486,3.83e-05 5.39e-05 5.77e-05 5.9e-05
full,5,widening,output,0.000537 0.000618 0.000628 0.000628,3.6e-05 5.17e-05 5.45e-05 5.58e-05
full,5,widening,input,0.00052 0.00062 0.00062 0.000618,3.58e-05 5.13e-05 5.41e-05 5.54e-05
full,5,narrowing,output,0.000386 0.000467 0.000479 0.000472,5.2e-05 7.19e-05 7.72e-05 8.04e-05
full,5,narrowing,input,0.000523 0.000623 0.000615 0.000597,5.14e-05 7.1e-05 7.57e-05 7.81e-05
"""
